// SPDX-License-Identifier: MIT
// load_pretrained, load and save: what is loaded, what is left, and that errors change nothing.
#include "frostline/io/load.hpp"

#include "frostline/backend/cpu.hpp"
#include "frostline/model/freeze.hpp"
#include "frostline/model/replace_head.hpp"
#include "frostline/models/resnet.hpp"
#include "support/catch.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/snapshot.hpp"
#include "unit/io/files.hpp"

namespace frostline::test {
namespace {

using Image = Input<3, 32, 32>;
using Whole = ResNet18<8, ClassifierHead<64, 7>>;
using NewHead = ReplaceHead<Freeze<Whole>, ClassifierHead<64, 3>>;
using Dense = ReplaceHead<Whole, FcnHead<64, 4>>;
template <class Model>
using Net = Network<Model, Image>;

/// A network's tensors as a file would hold them, to be changed before they are written.
struct Draft {
  std::vector<TensorToWrite> tensors;
  std::vector<std::vector<float>> floats;
  std::vector<std::int64_t> batches{42};

  template <class N>
  explicit Draft(const N& network) {
    floats.reserve(N::tensors().size() + 1);
    for (const NamedTensor& tensor : N::tensors()) {
      if (tensor.type == ElementType::i64) {
        tensors.push_back(
            {tensor.key, {}, ElementType::i64, std::span<const std::int64_t>(batches)});
        continue;
      }
      floats.push_back(network.values(tensor.key));
      tensors.push_back(
          {tensor.key, tensor.extents, ElementType::f32, std::span<const float>(floats.back())});
    }
  }
  TensorToWrite& operator[](std::string_view key) {
    return *std::find_if(tensors.begin(), tensors.end(),
                         [&](const TensorToWrite& t) { return t.key == key; });
  }
  void erase(std::string_view key) {
    std::erase_if(tensors, [&](const TensorToWrite& t) { return t.key == key; });
  }
  std::filesystem::path write(const files::TemporaryFolder& folder) const {
    write_safetensors(folder.path / "draft.safetensors", tensors);
    return folder.path / "draft.safetensors";
  }
};

TEST_CASE("what save writes, load reads back bit for bit, counters too") {
  const files::TemporaryFolder folder;
  Net<Whole> a{max_batch(2), seed(1)}, b{max_batch(2), seed(2)};
  a.forward(random_floats(2 * 3 * 32 * 32), true);
  save(a, folder.path / "whole.safetensors");
  REQUIRE(snapshot(a) != snapshot(b));
  const LoadReport report = load(b, folder.path / "whole.safetensors");
  REQUIRE(snapshot(a) == snapshot(b));
  REQUIRE(report.loaded.size() == Net<Whole>::tensors().size());
  std::int64_t batches = 0;
  b.read(b.tensor("bn1.num_batches_tracked"), std::span(&batches, 1));
  REQUIRE(batches == 1);
  REQUIRE(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("halves are written as the nearest halves") {
  const files::TemporaryFolder folder;
  Net<Whole> a{max_batch(1), seed(1)}, b{max_batch(1), seed(2)};
  const auto type = GENERATE(ElementType::f16, ElementType::bf16);
  save(a, folder.path / "half.safetensors", type);
  load(b, folder.path / "half.safetensors");
  const float bound = type == ElementType::f16 ? 0x1p-11f : 0x1p-8f;
  const auto exact = a.values("layer4.1.conv2.weight"), half = b.values("layer4.1.conv2.weight");
  for (std::size_t i = 0; i < exact.size(); ++i)
    REQUIRE(std::abs(exact[i] - half[i]) <= bound * std::abs(exact[i]) + 1e-7f);
}

TEST_CASE("load_pretrained leaves a new head alone and loads everything else") {
  const files::TemporaryFolder folder;
  Net<Whole> source{max_batch(1), seed(1)};
  const auto path = Draft(source).write(folder);
  SECTION("a classifier of other size") {
    Net<NewHead> network{max_batch(1), seed(2)};
    const auto before = snapshot(network);
    const LoadReport report = load_pretrained(network, path);
    REQUIRE(report.left_new == std::vector<std::string>{"fc.weight", "fc.bias"});
    REQUIRE(network.values("fc.weight") == before.at("fc.weight"));
    REQUIRE(network.values("conv1.weight") == source.values("conv1.weight"));
    REQUIRE(network.values("layer4.1.bn2.running_var") ==
            source.values("layer4.1.bn2.running_var"));
    REQUIRE(report.text() == "loaded 120 tensors; new and left as initialised: fc.weight, fc.bias");
  }
  SECTION("a dense head; the file's classifier is no surprise") {
    Net<Dense> network{max_batch(1), seed(2)};
    const LoadReport report = load_pretrained(network, path);
    REQUIRE(report.ignored == std::vector<std::string>{"fc.bias", "fc.weight"});
    REQUIRE(network.values("layer1.0.conv1.weight") == source.values("layer1.0.conv1.weight"));
  }
  SECTION("a model written out whole loads whole") {
    Net<Whole> network{max_batch(1), seed(2)};
    REQUIRE(load_pretrained(network, path).left_new.empty());
    REQUIRE(snapshot(network) == snapshot(source));
  }
  SECTION("load, of a checkpoint, wants the new head too") {
    Net<NewHead> network{max_batch(1), seed(2)};
    REQUIRE_ERROR(load(network, path),
                  "mismatched 'fc.weight': the file has [7, 64], the network [3, 64]");
  }
}

TEST_CASE("prefixes and missing counters are accepted") {
  const files::TemporaryFolder folder;
  Net<Whole> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  Draft draft(source);
  SECTION("DataParallel's module.") {
    for (TensorToWrite& tensor : draft.tensors) tensor.key = "module." + tensor.key;
  }
  SECTION("no num_batches_tracked") {
    std::erase_if(draft.tensors,
                  [](const TensorToWrite& t) { return t.key.ends_with("num_batches_tracked"); });
  }
  load_pretrained(network, draft.write(folder));
  REQUIRE(snapshot(network) == snapshot(source));
}

TEST_CASE("a segmentation model's file loads, with its backbone. and classifier. keys") {
  const files::TemporaryFolder folder;
  using Segmenter = ResNet18<8, FcnHead<64, 4>>;
  Net<Segmenter> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  Draft draft(source);
  for (TensorToWrite& tensor : draft.tensors)
    if (!tensor.key.starts_with("classifier.")) tensor.key = "backbone." + tensor.key;
  load_pretrained(network, draft.write(folder));
  REQUIRE(snapshot(network) == snapshot(source));
}

TEST_CASE("all that does not fit is reported at once, and nothing is changed") {
  const files::TemporaryFolder folder;
  Net<Whole> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  const auto before = snapshot(network);
  Draft draft(source);
  draft.erase("bn1.weight");
  draft.erase("layer2.0.downsample.0.weight");
  draft["conv1.weight"].extents = {3, 8, 7, 7};
  draft["fc.bias"].key = "fc.offset";
  const auto path = draft.write(folder);
  const std::string message = error_of([&] { load_pretrained(network, path); });
  for (const char* words :
       {"draft.safetensors", "(5 problems)", "missing 'bn1.weight' [8]",
        "missing 'layer2.0.downsample.0.weight' [16, 8, 1, 1]",
        "mismatched 'conv1.weight': the file has [3, 8, 7, 7], the network [8, 3, 7, 7]",
        "missing 'fc.bias' [7]", "unexpected 'fc.offset' [7]"}) {
    INFO(message);
    REQUIRE(message.find(words) != std::string::npos);
  }
  REQUIRE(snapshot(network) == before);
}

TEST_CASE("a file that cannot be read changes nothing") {
  const files::TemporaryFolder folder;
  Net<Whole> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  const auto before = snapshot(network);
  const auto path = Draft(source).write(folder);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  REQUIRE_ERROR(load_pretrained(network, path), "draft.safetensors");
  REQUIRE_ERROR(load_pretrained(network, folder.path), "directory");
  REQUIRE_ERROR(load_pretrained(network, folder.path / "absent.pth"), "absent.pth");
  REQUIRE(snapshot(network) == before);
}

TEST_CASE("frozen weights stay in their file, which others may replace but not overwrite") {
  const files::TemporaryFolder folder;
  const Net<Whole> whole{max_batch(2), seed(1)};
  const auto path = folder.path / "weights.safetensors", copy = folder.path / "copy.safetensors";
  save(whole, path);
  std::filesystem::copy_file(path, copy);
  const std::string frozen = "layer2.0.conv1.weight", small = "layer2.0.bn1.weight";
  Net<NewHead> network{max_batch(2), seed(2)};
  load_pretrained(network, path);
  const std::vector<float> images = random_floats(2 * 3 * 32 * 32);
  const auto outputs = [&] {
    const auto span = network.predict(images);
    return std::vector<float>(span.begin(), span.end());
  };
  const std::vector<float> before = outputs();

  save(network, path);  // puts a new file in its place
  CHECK(network.values(frozen) == whole.values(frozen));

  load_pretrained(network, copy);
  CHECK(outputs() == before);
  std::filesystem::resize_file(copy, 100);
  CHECK(outputs() == before);
  CHECK(network.values(small) == whole.values(small));
  const std::string trains = "fc.weight";
  network.write(network.tensor(trains), std::span<const float>(network.values(trains)));
  CHECK(outputs() == before);  // the frozen weights are packed, and not read again
  REQUIRE_ERROR(network.values(frozen), "copy.safetensors': it has been overwritten");
  CHECK_THROWS_AS(save(network, folder.path / "new.safetensors"), Error);
  CHECK_FALSE(std::filesystem::exists(folder.path / "new.safetensors"));

  // What is written to it from elsewhere is a copy.
  std::vector<float> other = whole.values(frozen);
  other[0] += 1;
  network.write(network.tensor(frozen), std::span<const float>(other));
  CHECK(network.values(frozen) == other);
  load_pretrained(network, path);
  CHECK(network.values(frozen) == whole.values(frozen));
  CHECK(outputs() == before);
  load_pretrained(network, path);
  network.initialise(seed(5));
  CHECK(network.values(frozen) == Net<NewHead>{max_batch(1), seed(5)}.values(frozen));
}

TEST_CASE("a file that is overwritten before its weights are used is an error") {
  const files::TemporaryFolder folder;
  const Net<Whole> whole{max_batch(2), seed(1)};
  const auto path = folder.path / "weights.safetensors";
  save(whole, path);
  Net<NewHead> network{max_batch(1), seed(2)};
  load_pretrained(network, path);
  std::filesystem::resize_file(path, 100);
  const std::vector<float> image = random_floats(3 * 32 * 32);
  REQUIRE_ERROR(network.predict(image), "overwritten");
  network.initialise(seed(3));
  CHECK_NOTHROW(network.predict(image));
}

}  // namespace
}  // namespace frostline::test
