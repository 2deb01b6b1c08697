// SPDX-License-Identifier: MIT
// load_pretrained, load and save: which tensors are loaded, and that errors change nothing.
#include "frostline/checkpoint/load.hpp"

#include "frostline/backend/cpu.hpp"
#include "frostline/checkpoint/save.hpp"
#include "frostline/models/densenet.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/models/vit.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/snapshot.hpp"
#include "unit/io/files.hpp"

namespace frostline::test::load_test {
namespace {

using Image = Input<3, 32, 32>;
using Whole = ResNet18<8, ClassifierHead<64, 7>>;
using NewHead = ReplaceHead<Freeze<Whole>, ClassifierHead<64, 3>>;
using Dense = ReplaceHead<Whole, FcnHead<64, 4>>;
template <class Model>
using Net = Network<Model, Image>;

/// A network's tensors for a file, which can be changed before they are written.
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
  void prefix(const std::string& text) {
    for (TensorToWrite& tensor : tensors) tensor.key = text + tensor.key;
  }
  void add(const std::string& key) {
    static const std::vector<float> four(4, 0.5f);
    tensors.push_back({key, {4}, ElementType::f32, std::span<const float>(four)});
  }
  std::filesystem::path write(const files::TemporaryFolder& folder) const {
    write_safetensors(folder.path / "draft.safetensors", tensors);
    return folder.path / "draft.safetensors";
  }
};

TEST_CASE("load reads back bit for bit what save writes, also counters") {
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
  save(a, folder.path / "half.safetensors", {.type = type});
  load(b, folder.path / "half.safetensors");
  const float bound = type == ElementType::f16 ? 0x1p-11f : 0x1p-8f;
  const auto exact = a.values("layer4.1.conv2.weight"), half = b.values("layer4.1.conv2.weight");
  for (std::size_t i = 0; i < exact.size(); ++i)
    REQUIRE(std::abs(exact[i] - half[i]) <= bound * std::abs(exact[i]) + 1e-7f);
}

TEST_CASE("load_pretrained leaves a new head as it is and loads everything else") {
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
  SECTION("a dense head; the file's classifier is skipped") {
    Net<Dense> network{max_batch(1), seed(2)};
    const LoadReport report = load_pretrained(network, path);
    REQUIRE(report.ignored == std::vector<std::string>{"fc.bias", "fc.weight"});
    REQUIRE(report.text().find("; in the file, but not used: fc.bias, fc.weight") !=
            std::string::npos);
    REQUIRE(network.values("layer1.0.conv1.weight") == source.values("layer1.0.conv1.weight"));
  }
  SECTION("a whole model in the file is loaded completely") {
    Net<Whole> network{max_batch(1), seed(2)};
    REQUIRE(load_pretrained(network, path).left_new.empty());
    REQUIRE(snapshot(network) == snapshot(source));
  }
  SECTION("load of a checkpoint also requires the new head") {
    Net<NewHead> network{max_batch(1), seed(2)};
    REQUIRE_ERROR(load(network, path),
                  "mismatched 'fc.weight': the file has [7, 64], the network [3, 64]");
  }
}

TEST_CASE("names that PyTorch's wrappers add to keys are removed, in any order and place") {
  const files::TemporaryFolder folder;
  Net<Whole> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  Draft draft(source);
  std::vector<float> count{3};
  SECTION("DataParallel's module.") { draft.prefix("module."); }
  SECTION("torch.compile's _orig_mod.") { draft.prefix("_orig_mod."); }
  SECTION("both, each way") {
    draft.prefix(GENERATE("module._orig_mod.", "_orig_mod.module.module."));
  }
  SECTION("FSDP's") { draft.prefix("_fsdp_wrapped_module.module."); }
  SECTION("a compiled part of the network") {
    for (TensorToWrite& tensor : draft.tensors)
      if (tensor.key.starts_with("layer1.")) tensor.key.insert(7, "_orig_mod.");
  }
  SECTION("AveragedModel's, with its number") {
    draft.prefix("module.");
    draft.tensors.push_back({"n_averaged", {}, ElementType::f32, std::span<const float>(count)});
  }
  SECTION("no num_batches_tracked") {
    std::erase_if(draft.tensors,
                  [](const TensorToWrite& t) { return t.key.ends_with("num_batches_tracked"); });
  }
  const LoadReport report = load_pretrained(network, draft.write(folder));
  REQUIRE(report.prefix.empty());
  REQUIRE(snapshot(network) == snapshot(source));
}

TEST_CASE("a key that is there with and without a wrapper's name is an error") {
  const files::TemporaryFolder folder;
  Net<Whole> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  Draft draft(source);
  TensorToWrite twice = draft["fc.bias"];
  twice.key = "module.fc.bias";
  draft.tensors.push_back(twice);
  REQUIRE_ERROR(load(network, draft.write(folder)),
                "two keys of the file become 'fc.bias': 'fc.bias' and 'module.fc.bias'");
}

TEST_CASE("a prefix is removed if everything fits without it, and is reported") {
  const files::TemporaryFolder folder;
  Net<Whole> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  Draft draft(source);
  draft.prefix(GENERATE("model.", "net.", "encoder.", "student.", "a.b.module.c."));
  const auto path = draft.write(folder);
  SECTION("without other keys, also in a checkpoint") {
    const LoadReport report =
        GENERATE(false, true) ? load(network, path) : load_pretrained(network, path);
    REQUIRE(snapshot(network) == snapshot(source));
    REQUIRE_FALSE(report.prefix.empty());
    REQUIRE(report.text() ==
            "loaded 122 tensors, whose keys begin with '" + report.prefix + "' in the file");
  }
  SECTION("with other values of a training program, in load_pretrained") {
    draft.add("criterion.weight");
    draft.add("queue");
    const LoadReport report = load_pretrained(network, draft.write(folder));
    REQUIRE(snapshot(network) == snapshot(source));
    REQUIRE(report.ignored == std::vector<std::string>{"criterion.weight", "queue"});
    REQUIRE_ERROR(load(network, path), "unexpected 'criterion.weight' [4]");
  }
  SECTION("not if a key is missing: the error uses the network's keys") {
    draft.tensors.erase(draft.tensors.begin());
    const auto before = snapshot(network);
    const std::string message = error_of([&] { load_pretrained(network, draft.write(folder)); });
    INFO(message);
    REQUIRE(message.find("missing 'conv1.weight' [8, 3, 7, 7]") != std::string::npos);
    REQUIRE(message.find("most of its keys begin with '") != std::string::npos);
    REQUIRE(std::count(message.begin(), message.end(), '\n') == 3);
    REQUIRE(snapshot(network) == before);
  }
}

TEST_CASE("if several prefixes fit, the error names them, and a user chooses one") {
  const files::TemporaryFolder folder;
  Net<Whole> source{max_batch(1), seed(1)}, teacher{max_batch(1), seed(3)};
  Net<Whole> network{max_batch(1), seed(2)};
  Draft draft(source), other(teacher);
  draft.prefix("module.student.");
  other.prefix("module.teacher.");
  draft.tensors.insert(draft.tensors.end(), other.tensors.begin(), other.tensors.end());
  const auto path = draft.write(folder);
  const std::string several = error_of([&] { load_pretrained(network, path); });
  INFO(several);
  REQUIRE(several.find("begin with 'student.', 'teacher.'; choose one of these with "
                       "LoadOptions::prefix") != std::string::npos);
  REQUIRE(std::count(several.begin(), several.end(), '\n') == 1);
  const char* const prefix = GENERATE("teacher", "teacher.", "module.teacher.");
  const LoadReport report = load(network, path, {.prefix = prefix});
  REQUIRE(snapshot(network) == snapshot(teacher));
  REQUIRE(report.ignored.size() == 122);
  REQUIRE_ERROR(load(network, path, {.prefix = "teach"}), "no key begins with the prefix 'teach.'");
}

TEST_CASE("a prefix may be the name of a wrapper, if the same keys are there without it") {
  const files::TemporaryFolder folder;
  Net<Whole> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  Draft draft(source);
  draft.prefix("backbone.");
  draft.add("conv1.weight");
  draft.add("backbones.fc.bias");
  const auto path = draft.write(folder);
  REQUIRE_ERROR(load(network, path), "become 'conv1.weight'");
  const LoadReport report = load(network, path, {.prefix = "backbone"});
  REQUIRE(snapshot(network) == snapshot(source));
  REQUIRE(report.ignored == std::vector<std::string>{"backbones.fc.bias", "conv1.weight"});
}

TEST_CASE("the name of a wrapper may be renamed") {
  const files::TemporaryFolder folder;
  using Part = Conv2d<3, 4, 3>;
  Net<Module<Named<"encoder", Part>>> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  Draft draft(source);
  const std::string from = GENERATE("backbone", "module");
  for (TensorToWrite& tensor : draft.tensors) tensor.key.replace(0, 7, from);
  load(network, draft.write(folder), {.rename = {{from, "encoder"}}});
  REQUIRE(snapshot(network) == snapshot(source));
}

TEST_CASE("keys are renamed and skipped as a user says") {
  const files::TemporaryFolder folder;
  Net<Whole> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  Draft draft(source);
  draft["fc.weight"].key = "head.linear.weight";
  draft["fc.bias"].key = "head.linear.bias";
  draft["bn1.weight"].key = "norm.weight";
  draft["bn1.bias"].key = "norm.bias";
  draft["bn1.running_mean"].key = "norm.running_mean";
  draft["bn1.running_var"].key = "norm.running_var";
  draft.erase("bn1.num_batches_tracked");
  draft.add("layer1.0.conv1.total_ops");
  draft.add("total_params");
  draft.add("ema.conv1.weight");
  const auto path = draft.write(folder);
  const LoadOptions options{.rename = {{"head.linear", "fc"}, {"norm.", "bn1."}},
                            .ignore = {"total_ops", "total_params", "ema."}};
  const LoadReport report = load(network, path, options);
  REQUIRE(snapshot(network) == snapshot(source));
  REQUIRE(report.ignored ==
          std::vector<std::string>{"ema.conv1.weight", "layer1.0.conv1.total_ops", "total_params"});
  LoadOptions wrong = options;
  wrong.rename["haed"] = "fc";
  REQUIRE_ERROR(load(network, path, wrong), "no key begins with 'haed', to be renamed 'fc'");
  wrong = options;
  wrong.ignore = {"total", "em", "params"};  // not whole names
  REQUIRE_ERROR(load(network, path, wrong), "unexpected 'total_params' [4]");
}

TEST_CASE("names are also renamed after a prefix that is found") {
  const files::TemporaryFolder folder;
  Net<Whole> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  const auto before = snapshot(network);
  Draft draft(source);
  draft["fc.weight"].key = "classifier.weight";
  draft["fc.bias"].key = "classifier.bias";
  draft.prefix("model.");
  const auto path = draft.write(folder);
  SECTION("as the network's or as the file's names") {
    using Names = decltype(LoadOptions::rename);
    const LoadOptions options{.rename = GENERATE(Names{{"classifier", "fc"}},
                                                 Names{{"model.classifier", "model.fc"}},
                                                 Names{{"model.classifier", "fc"}, {"model", ""}})};
    const LoadReport report = load(network, path, options);
    REQUIRE(snapshot(network) == snapshot(source));
    REQUIRE(report.prefix == (options.rename.contains("model") ? "" : "model."));
  }
  SECTION("with a given prefix") {
    load(network, path, {.prefix = "model", .rename = {{"classifier", "fc"}}});
    REQUIRE(snapshot(network) == snapshot(source));
  }
  SECTION("a key that was renamed with its prefix is not renamed again") {
    const LoadOptions options{.rename = {{"model", "net"}, {"net.classifier", "net.fc"}}};
    REQUIRE_ERROR(load(network, path, options), "no key begins with 'net.classifier'");
  }
  SECTION("an unknown name is reported, and nothing is changed") {
    const LoadOptions options{.rename = {{"classifier", "fc"}, {"haed", "fc"}}};
    REQUIRE_ERROR(load(network, path, options),
                  "(1 problem)\n  no key begins with 'haed', to be renamed 'fc'");
    REQUIRE(snapshot(network) == before);
  }
  SECTION("two keys that become one are both named") {
    draft.add("model.fc.bias");
    REQUIRE_ERROR(
        load(network, draft.write(folder), {.rename = {{"classifier", "fc"}}}),
        "two keys of the file become 'fc.bias': 'model.classifier.bias' and 'model.fc.bias'");
    REQUIRE(snapshot(network) == before);
  }
}

TEST_CASE("if a rename makes two keys equal, both are named") {
  const files::TemporaryFolder folder;
  Net<Whole> network{max_batch(1), seed(2)};
  Draft draft(network);
  draft.add("head.bias");
  REQUIRE_ERROR(load(network, draft.write(folder), {.rename = {{"head", "fc"}}}),
                "two keys of the file become 'fc.bias': 'fc.bias' and 'head.bias'");
}

TEST_CASE(
    "of several sets of weights in a file none is loaded by default, even if one lacks a layer") {
  const files::TemporaryFolder folder;
  Net<Whole> network{max_batch(1), seed(2)};
  const auto before = snapshot(network);
  const std::string first = GENERATE("", "ema.");
  Draft whole(network);
  Draft both(network);
  both.prefix("teacher.");
  whole.erase("conv1.weight");
  whole.prefix(first);
  both.tensors.insert(both.tensors.end(), whole.tensors.begin(), whole.tensors.end());
  REQUIRE_ERROR(load_pretrained(network, both.write(folder)), "it holds several sets of weights");
  REQUIRE_ERROR(load(network, both.write(folder)), "it holds several sets of weights");
  REQUIRE(snapshot(network) == before);
  load_pretrained(network, both.write(folder), {.prefix = "teacher"});
}

TEST_CASE("a file's own head is skipped with any name, but a misspelt key is not") {
  const files::TemporaryFolder folder;
  Net<Whole> source{max_batch(1), seed(1)};
  Net<NewHead> network{max_batch(1), seed(2)};
  const auto before = snapshot(network);
  Draft draft(source);
  draft.erase("fc.weight");
  draft.erase("fc.bias");
  for (const char* key : {"head.weight", "head.bias", "projector.0.weight", "fc.0.weight"})
    draft.add(key);
  SECTION("it is reported") {
    const LoadReport report = load_pretrained(network, draft.write(folder));
    REQUIRE(report.ignored == std::vector<std::string>{"fc.0.weight", "head.bias", "head.weight",
                                                       "projector.0.weight"});
    REQUIRE(
        report.text().find("not used: fc.0.weight, head.bias, head.weight, projector.0.weight") !=
        std::string::npos);
    REQUIRE(network.values("conv1.weight") == source.values("conv1.weight"));
  }
  SECTION("a key of a part that the network has") {
    draft.add("layer1.0.convX.weight");
    const std::string message = error_of([&] { load_pretrained(network, draft.write(folder)); });
    INFO(message);
    REQUIRE(message.find("(1 problem)") != std::string::npos);
    REQUIRE(message.find("unexpected 'layer1.0.convX.weight' [4]\n  LoadOptions{.ignore = "
                         "{\"total_ops\"}} skips keys, .rename renames them, .prefix removes a "
                         "prefix") != std::string::npos);
    REQUIRE(snapshot(network) == before);
  }
  SECTION("another tensor is missing: then an unknown part may be that tensor") {
    draft["conv1.weight"].key = "stem.weight";
    const std::string message = error_of([&] { load_pretrained(network, draft.write(folder)); });
    INFO(message);
    REQUIRE(message.find("missing 'conv1.weight'") != std::string::npos);
    REQUIRE(message.find("unexpected 'stem.weight'") != std::string::npos);
    REQUIRE(snapshot(network) == before);
  }
  SECTION("a network that keeps its head requires it") {
    Net<Whole> whole{max_batch(1), seed(2)};
    REQUIRE_ERROR(load_pretrained(whole, draft.write(folder)), "unexpected 'head.bias' [4]");
  }
}

TEST_CASE("counters of other types and shapes are converted as in PyTorch") {
  const files::TemporaryFolder folder;
  Net<Whole> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  const std::string key = "bn1.num_batches_tracked";
  std::vector<float> floats{42.75f, 7};
  Draft draft(source);
  TensorToWrite& counter = draft[key];
  const auto loaded = [&] {
    load(network, draft.write(folder));
    std::int64_t batches = -1;
    network.read(network.tensor(key), std::span(&batches, 1));
    return batches;
  };
  SECTION("a vector of one") {
    counter.extents = {1};
    REQUIRE(loaded() == 42);
  }
  SECTION("a float, which loses its fraction") {
    counter = {key, {}, ElementType::f32, std::span<const float>(floats).first(1)};
    REQUIRE(loaded() == 42);
    counter.type = ElementType::bf16;
    REQUIRE(loaded() == 42);
  }
  SECTION("a vector of floats: the first") {
    counter = {key, {2}, ElementType::f16, std::span<const float>(floats)};
    REQUIRE(loaded() == 42);
  }
  SECTION("an empty vector or a matrix is an error") {
    counter = {key, {0}, ElementType::f32, std::span<const float>(floats).first(0)};
    REQUIRE_ERROR(loaded(), "mismatched '" + key + "': the file has [0], the network []");
    counter = {key, {1, 1}, ElementType::f32, std::span<const float>(floats).first(1)};
    REQUIRE_ERROR(loaded(), "the file has [1, 1], the network []");
  }
  SECTION("a number that is not an integer changes nothing") {
    const auto before = snapshot(network);
    floats[0] = GENERATE(std::numeric_limits<float>::quiet_NaN(), 1e30f, -1e30f, 0x1p63f,
                         -std::numeric_limits<float>::infinity());
    counter = {key, {}, ElementType::f32, std::span<const float>(floats).first(1)};
    REQUIRE_ERROR(loaded(), "which is not a 64-bit integer");
    REQUIRE(snapshot(network) == before);
  }
}

TEST_CASE("weights of PyTorch's own files with float counters, prefixes and more load") {
  Net<Module<Named<"conv", Conv2d<3, 4, 3>>, Named<"bn", BatchNorm2d<4>>>> network{max_batch(1)};
  const std::vector<float> weight = files::arange(108, 0, 0.125f);
  for (const std::string name : {"float_counter.pth", "vector_counter.pth", "compiled.pth",
                                 "averaged.pth", "lightning.pth", "profiled.pth"}) {
    INFO(name);
    network.initialise(seed(9));
    const LoadOptions options = name == "profiled.pth"
                                    ? LoadOptions{.ignore = {"total_ops", "total_params"}}
                                    : LoadOptions{};
    const LoadReport report = load_pretrained(network, files::golden(name), options);
    REQUIRE(report.loaded.size() == 7);
    REQUIRE(network.values("conv.weight") == weight);
    REQUIRE(network.values("bn.running_var") == std::vector<float>{1, 2, 3, 4});
    std::int64_t batches = -1;
    network.read(network.tensor("bn.num_batches_tracked"), std::span(&batches, 1));
    REQUIRE(batches == 5);
  }
}

TEST_CASE("a value of a type that cannot be read is an error if the network needs it") {
  const files::TemporaryFolder folder;
  Net<Whole> network{max_batch(1), seed(2)};
  const auto before = snapshot(network);
  const auto path = folder.write(
      "odd.pth",
      files::pytorch_zip(files::pickle::dictionary(
                             {{"conv1.weight", files::pickle::Tensor{.type = "QInt8Storage"}},
                              {"fc.bias", "cnumpy\nndarray\n)R"},
                              {"best", "cnumpy\nfloat64\n)R"},
                              {"bn1.weight", files::pickle::Tensor{}}}),
                         {files::bytes_of(files::arange(6))}));
  const std::string message = error_of([&] { load(network, path); });
  INFO(message);
  for (const char* words :
       {"mismatched 'conv1.weight': the file has a tensor of type 'torch.QInt8Storage', the "
        "network "
        "[8, 3, 7, 7]",
        "mismatched 'fc.bias': the file has a Python object of 'numpy.ndarray', the network [7]",
        "mismatched 'bn1.weight'", "are missing"})
    REQUIRE(message.find(words) != std::string::npos);
  REQUIRE(message.find("best") == std::string::npos);
  REQUIRE(snapshot(network) == before);
}

TEST_CASE("many problems of a kind are summed up") {
  const files::TemporaryFolder folder;
  Net<Whole> network{max_batch(1), seed(2)};
  std::vector<float> four(4);
  std::vector<TensorToWrite> others;
  for (int i = 0; i < 224; ++i)
    others.push_back(
        {"other." + std::to_string(i), {4}, ElementType::f32, std::span<const float>(four)});
  const auto path = folder.path / "other.safetensors";
  write_safetensors(path, others);
  const std::string message = error_of([&] { load(network, path); });
  INFO(message);
  REQUIRE(message.find("(326 problems)") != std::string::npos);
  REQUIRE(message.find("... and 97 more are missing") != std::string::npos);
  REQUIRE(message.find("... and 219 more are unexpected") != std::string::npos);
  REQUIRE(std::count(message.begin(), message.end(), '\n') == 13);
}

TEST_CASE("save with 16 bits keeps running statistics, and refuses numbers that become infinite") {
  const files::TemporaryFolder folder;
  Net<Whole> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  const auto path = folder.path / "half.safetensors";
  const auto write = [&](const char* key, float value) {
    std::vector<float> values = source.values(key);
    values[2] = value;
    source.write(source.tensor(key), std::span<const float>(values));
  };
  const auto type = GENERATE(ElementType::f16, ElementType::bf16);
  write("bn1.running_var", 70000.0f);
  write("bn1.running_mean", 1e-8f);
  write("layer1.0.bn1.running_var", 1e-8f);
  write("fc.bias", 65519.0f);
  save(source, path, {.type = type});
  load(network, path);
  for (const char* key : {"bn1.running_var", "bn1.running_mean", "layer1.0.bn1.running_var"})
    REQUIRE(network.values(key) == source.values(key));
  REQUIRE(network.values("fc.bias")[2] == (type == ElementType::f16 ? 65504.0f : 65536.0f));

  const std::string old = files::content_of(path);
  if (type == ElementType::f16) {
    write("fc.bias", GENERATE(65520.0f, -1e6f));
    REQUIRE_ERROR(save(source, path, {.type = type}), "'fc.bias' holds ");
    REQUIRE_ERROR(save(source, path, {.type = type}), "which F16 cannot hold; write BF16 or F32");
  } else {
    write("fc.bias", std::numeric_limits<float>::max());
    REQUIRE_ERROR(save(source, path, {.type = type}), "which BF16 cannot hold; write F32");
  }
  REQUIRE(files::content_of(path) == old);
  REQUIRE(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
  save(source, path);
  load(network, path);
  REQUIRE(snapshot(network) == snapshot(source));
}

TEST_CASE("numbers that are not finite replace good weights only on request") {
  const files::TemporaryFolder folder;
  Net<Whole> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  const auto path = folder.path / "weights.safetensors";
  save(source, path);
  const std::string old = files::content_of(path);
  const float infinity = std::numeric_limits<float>::infinity();
  const float value = GENERATE_COPY(std::numeric_limits<float>::quiet_NaN(), infinity, -infinity);
  const std::string key = GENERATE("fc.bias", "bn1.running_var", "conv1.weight");
  std::vector<float> values = source.values(key);
  values[1] = values[3] = value;
  source.write(source.tensor(key), std::span<const float>(values));
  REQUIRE_ERROR(save(source, path),
                "NaN or infinity in '" + key + "' (2 of " + std::to_string(values.size()) + ")");
  REQUIRE_ERROR(save(source, path), "weights.safetensors'");
  REQUIRE(files::content_of(path) == old);

  const auto type = GENERATE(ElementType::f32, ElementType::f16, ElementType::bf16);
  save(source, path, {.type = type, .allow_not_finite = true});
  load(network, path);
  const std::vector<float> found = network.values(key);
  REQUIRE((found[1] == value || (std::isnan(found[1]) && std::isnan(value))));
  REQUIRE(std::isfinite(found[2]));
}

TEST_CASE("no file is written under a name that other programs read as another format") {
  const files::TemporaryFolder folder;
  const Net<Whole> network{max_batch(1), seed(1)};
  const std::string name = GENERATE("model.pth", "model.pt", "a.b.bin", "model.ckpt", "x.ONNX");
  const auto path = folder.write(name, "old");
  const auto better = std::filesystem::path(path).replace_extension(".safetensors");
  REQUIRE_ERROR(save(network, path), name + "': the format is safetensors");
  REQUIRE_ERROR(save(network, path), "name it '" + better.string() + "'");
  REQUIRE(files::content_of(path) == "old");
  save(network, better);
  save(network, folder.path / "best");
}

TEST_CASE("different shapes are reported without advice on keys") {
  const files::TemporaryFolder folder;
  Net<Whole> network{max_batch(1), seed(1)};
  Draft draft(network);
  draft["fc.bias"].extents = {1, 7};
  const std::string message = error_of([&] { load(network, draft.write(folder)); });
  INFO(message);
  REQUIRE(message.find("(1 problem)\n  mismatched 'fc.bias'") != std::string::npos);
  REQUIRE(message.find("LoadOptions") == std::string::npos);
}

TEST_CASE("common checkpoints of several programs load, whose weights have other names") {
  const files::TemporaryFolder folder;
  using files::pickle::dictionary;
  using files::pickle::Tensor;
  Net<Module<Named<"conv", Conv2d<3, 2, 1>>>> network{max_batch(1), seed(2)};
  const auto weights = [](const std::string& storage) {
    return dictionary(
        {{"conv.weight",
          Tensor{.storage = storage, .extents = {2, 3, 1, 1}, .strides = {3, 1, 1, 1}}},
         {"conv.bias", Tensor{.storage = storage, .extents = {2}, .strides = {1}}}});
  };
  const auto write = [&](const std::string& object) {
    return folder.write("some.pth",
                        files::pytorch_zip(object, {files::bytes_of(files::arange(6)),
                                                    files::bytes_of(files::arange(6, 10))}));
  };
  const std::string name = GENERATE("net", "params");
  LoadReport report =
      load(network, write(dictionary({{name, weights("0")}, {"acc", "N"}, {"epoch", "N"}})));
  REQUIRE(network.values("conv.weight") == files::arange(6));
  REQUIRE(report.prefix == name + ".");
  REQUIRE(report.ignored == std::vector<std::string>{"acc", "epoch"});

  const auto two = write(dictionary({{"student", weights("0")}, {"teacher", weights("1")}}));
  REQUIRE_ERROR(load(network, two), "begin with 'student.', 'teacher.'; choose one of these");
  report = load(network, two, {.prefix = "teacher"});
  REQUIRE(network.values("conv.weight") == files::arange(6, 10));
  REQUIRE(report.ignored == std::vector<std::string>{"student.conv.bias", "student.conv.weight"});
}

TEST_CASE("the error for a diverged network has five names") {
  const files::TemporaryFolder folder;
  Net<Whole> network{max_batch(1), seed(1)};
  for (const NamedTensor& tensor : Net<Whole>::tensors()) {
    if (tensor.type != ElementType::f32) continue;
    const std::vector<float> values(tensor.size, std::numeric_limits<float>::quiet_NaN());
    network.write(tensor, std::span<const float>(values));
  }
  const auto path = folder.path / "weights.safetensors";
  REQUIRE_ERROR(save(network, path), "'conv1.weight' (1176 of 1176), 'bn1.weight' (8 of 8)");
  REQUIRE_ERROR(save(network, path), " and 97 more tensors;");
  REQUIRE_FALSE(std::filesystem::exists(path));
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

TEST_CASE("keys of earlier versions of torchvision are those that it renames") {
  const files::TemporaryFolder folder;
  const auto check = [&](auto& source, auto& network, auto rename) {
    Draft draft(source);
    int renamed = 0;
    for (TensorToWrite& tensor : draft.tensors) {
      const std::string before = tensor.key;
      rename(tensor.key);
      renamed += tensor.key != before;
    }
    REQUIRE(renamed == 48);
    load_pretrained(network, draft.write(folder));
    REQUIRE(snapshot(network) == snapshot(source));
    draft.prefix("model.");
    draft.add("model.extra.mlp.linear_1.weight");
    REQUIRE_ERROR(load_pretrained(network, draft.write(folder)), "unexpected");
  };
  const auto replace = [](std::string& key, std::string_view now, std::string_view before) {
    if (const std::size_t at = key.find(now); at != std::string::npos)
      key.replace(at, now.size(), before);
  };
  {
    using Vit = ViTB16<64, VisionTransformerHead<64, 5>, 32>;
    Net<Vit> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
    check(source, network, [&](std::string& key) {
      replace(key, ".mlp.0.", ".mlp.linear_1.");
      replace(key, ".mlp.3.", ".mlp.linear_2.");
    });
  }
  {
    using Block = detail::DenseBlock<8, 4, std::make_integer_sequence<int, 4>>;
    using Densely = Module<Named<"conv0", Conv2d<3, 8, 1>>, Named<"denseblock1", Block>>;
    Net<Densely> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
    check(source, network, [&](std::string& key) {
      for (const char* name : {"norm1", "norm2", "conv1", "conv2"})
        replace(key, "." + std::string(name) + ".",
                "." + std::string(name, 4) + "." + name[4] + ".");
    });
  }
}

TEST_CASE("all problems are reported at once, and nothing is changed") {
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

  save(network, path);  // replaces the file
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

  // Another network's weights are copied into it.
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
}  // namespace frostline::test::load_test
