// SPDX-License-Identifier: MIT
// SplitNetwork: in two parts as in one, in its weights, its files and what it predicts.
#include "frostline/network/split_network.hpp"

#include "frostline/frostline.hpp"
#include "support/catch.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/snapshot.hpp"
#include "unit/io/files.hpp"

namespace frostline::test {
namespace {

using Image = Input<3, 40, 33>;
using Pretrained = ResNet18<8, ClassifierHead<64, 7>>;
using HeadOnly = ReplaceHead<Freeze<Pretrained>, ClassifierHead<64, 5>>;
using LastBlock = Unfreeze<HeadOnly, "layer4.1", "fc">;
using Dense = ReplaceHead<Freeze<Pretrained>, FcnHead<64, 4>>;

template <class Model>
void check_equal_to_whole() {
  Network<Model, Image> whole{max_batch(3), seed(5)};
  SplitNetwork<Model, Image> split{max_batch(3), seed(5)};
  const auto keys = [](const std::vector<NamedTensor>& tensors) {
    std::vector<std::string> result;
    for (const NamedTensor& tensor : tensors) result.push_back(tensor.key);
    return result;
  };
  REQUIRE(keys(split.tensors()) == keys(whole.tensors()));
  REQUIRE(snapshot(split) == snapshot(whole));  // the first weights
  REQUIRE(split.trainable_count() == whole.trainable_count());
  REQUIRE(split.rest().trainable_count() == whole.trainable_count());
  REQUIRE(split.prefix().parameter_count() + split.rest().parameter_count() ==
          whole.parameter_count());
  REQUIRE(split.output_shape == whole.output_shape);

  const auto images = random_floats(3 * Image::shape.size());
  const auto expected = whole.predict(images), found = split.predict(images);
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    REQUIRE(std::abs(found[i] - expected[i]) <= 1e-5f * (1 + std::abs(expected[i])));

  REQUIRE(summary(split).find("of which " + with_commas(std::int64_t(split.trainable_count()))) !=
          std::string::npos);
  REQUIRE(snapshot(to<cpu>(split)) == snapshot(split));

  split.initialise(seed(6));
  whole.initialise(seed(6));
  REQUIRE(snapshot(split) == snapshot(whole));
}

TEST_CASE("a split network starts, counts and predicts as the whole network does") {
  SECTION("head only") { check_equal_to_whole<HeadOnly>(); }
  SECTION("the last block and the head") { check_equal_to_whole<LastBlock>(); }
  SECTION("a dense head, which goes to the size of the images") { check_equal_to_whole<Dense>(); }
}

TEST_CASE("a split network's files are the whole network's") {
  const files::TemporaryFolder folder;
  using Split = SplitNetwork<LastBlock, Image>;
  Network<Pretrained, Image> pretrained{max_batch(1), seed(1)};
  save(pretrained, folder.path / "pretrained.safetensors");

  Split split{max_batch(1), seed(2)};
  Network<LastBlock, Image> whole{max_batch(1), seed(2)};
  const LoadReport report = load_pretrained(split, folder.path / "pretrained.safetensors");
  REQUIRE(report.text() == load_pretrained(whole, folder.path / "pretrained.safetensors").text());
  REQUIRE(report.left_new == std::vector<std::string>{"fc.weight", "fc.bias"});
  REQUIRE(snapshot(split) == snapshot(whole));

  save(split, folder.path / "split.safetensors");
  save(whole, folder.path / "whole.safetensors");
  REQUIRE(files::content_of(folder.path / "split.safetensors") ==
          files::content_of(folder.path / "whole.safetensors"));
  Split other{max_batch(1), seed(3)};
  REQUIRE(load(other, folder.path / "whole.safetensors").loaded.size() == Split::tensors().size());
  REQUIRE(snapshot(other) == snapshot(whole));
}

TEST_CASE("what does not fit either part is reported at once, and nothing is changed") {
  const files::TemporaryFolder folder;
  Network<ReplaceHead<Pretrained, FcnHead<64, 7>>, Image> unlike{max_batch(1)};
  Network<ResNet18<16, ClassifierHead<128, 7>>, Image> wide{max_batch(1)};
  save(unlike, folder.path / "unlike.safetensors");
  save(wide, folder.path / "wide.safetensors");
  SplitNetwork<LastBlock, Image> split{max_batch(1), seed(2)};
  Network<LastBlock, Image> whole{max_batch(1), seed(2)};
  const auto before = snapshot(split);
  for (const char* file : {"unlike.safetensors", "wide.safetensors"}) {
    const std::string message = error_of([&] { load(split, folder.path / file); });
    REQUIRE(message == error_of([&] { load(whole, folder.path / file); }));
    REQUIRE(message != "no error");
  }
  REQUIRE_ERROR(load_pretrained(split, folder.path / "wide.safetensors"),
                "mismatched 'conv1.weight': the file has [16, 3, 7, 7], the network [8, 3, 7, 7]");
  // Of both parts: all tensors but the counters and the head's bias.
  REQUIRE_ERROR(load_pretrained(split, folder.path / "wide.safetensors"), "(100 problems)");
  REQUIRE_ERROR(load_pretrained(split, folder.path / "wide.safetensors"),
                "... and 95 more are mismatched");
  REQUIRE(snapshot(split) == before);
}

TEST_CASE("the tensors of a split network are read and written by key, counters too") {
  SplitNetwork<LastBlock, Image> split{max_batch(1)};
  for (const std::string key : {"conv1.weight", "layer4.1.conv1.weight", "fc.bias"}) {
    const NamedTensor tensor = split.tensor(key);
    const auto values = random_floats(tensor.size);
    split.write(tensor, std::span<const float>(values));
    REQUIRE(split.values(key) == values);
  }
  REQUIRE(split.prefix().values("conv1.weight") == split.values("conv1.weight"));
  REQUIRE(split.rest().values("fc.bias") == split.values("fc.bias"));
  for (const std::string key : {"bn1.num_batches_tracked", "layer4.1.bn2.num_batches_tracked"}) {
    const std::int64_t written = 17;
    std::int64_t found = 0;
    split.write(split.tensor(key), std::span(&written, 1));
    split.read(split.tensor(key), std::span(&found, 1));
    REQUIRE(found == written);
  }
  REQUIRE_ERROR(split.values("fc.offset"), "no tensor 'fc.offset'");
}

}  // namespace
}  // namespace frostline::test
