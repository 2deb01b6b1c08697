// SPDX-License-Identifier: MIT
// Tests of reading torch.save's files: PyTorch's own, crafted ones and hostile ones.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <frostline/io/weights/pytorch.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "files.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"

namespace frostline::test::pytorch_test {

namespace fl = frostline;
using files::arange;
using files::contains;
using files::error_of;
using files::floats_of;
using files::integers_of;
using files::pickle::dictionary;
using files::pickle::Tensor;

namespace {

fl::StateDict read(const std::string& content) {
  const files::TemporaryFolder folder;
  return fl::detail::read_pytorch(
      folder.write("some.pth", content));  // the mapping outlives the name
}

std::string refusal(const std::string& content) {
  const std::string error = error_of([&] { read(content); });
  INFO(error);
  if (!error.empty()) REQUIRE(contains(error, "some.pth': "));
  return error;
}

std::string six_floats() { return files::bytes_of(arange(6)); }

std::string refusal_of_tensor(const Tensor& tensor) {
  const std::string object = dictionary({{"a.weight", tensor}});
  std::string error = refusal(files::pytorch_zip(object, {six_floats()}));
  REQUIRE(contains(error, "'a.weight'"));
  return error;
}

/// Reads as a user would: every tensor that is not extremely large.
void read_all(const std::filesystem::path& path) {
  const fl::StateDict state = fl::detail::read_pytorch(path);
  for (const auto& [key, tensor] : state.tensors)
    if (tensor.size() < 100000) floats_of(state, key);
}

}  // namespace

TEST_CASE("PyTorch's zip and legacy files are read to the last number") {
  for (const std::string name : {"zip.pth", "legacy.pth"}) {
    INFO(name);
    const fl::StateDict state = fl::detail::read_pytorch(files::golden(name));
    constexpr float infinity = std::numeric_limits<float>::infinity();
    using Extents = std::vector<std::int64_t>;
    REQUIRE(state.tensors.size() == 21);
    const auto tensor = [&](const char* key) { return state.tensors.find(key)->second; };

    REQUIRE(floats_of(state, "weight") == arange(24));
    REQUIRE(tensor("weight").extents == Extents{2, 3, 4});
    REQUIRE(tensor("half").type == fl::ElementType::f16);
    REQUIRE(floats_of(state, "half") == arange(12, 0, 0.125f));
    REQUIRE(floats_of(state, "double") == arange(5, 0, 0.125f));
    REQUIRE(tensor("num_batches_tracked").extents.empty());
    REQUIRE(integers_of(state, "num_batches_tracked") == std::vector<std::int64_t>{7});
    REQUIRE(integers_of(state, "u8") == std::vector<std::int64_t>{0, 1, 255});
    REQUIRE(integers_of(state, "i8") == std::vector<std::int64_t>{-128, 127});
    REQUIRE(integers_of(state, "i16") == std::vector<std::int64_t>{-32768, 32767});
    REQUIRE(integers_of(state, "i32") == std::vector<std::int64_t>{-2147483648, 2147483647});
    REQUIRE(integers_of(state, "i64") ==
            std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min(),
                                      std::numeric_limits<std::int64_t>::max()});
    REQUIRE(integers_of(state, "boolean") == std::vector<std::int64_t>{1, 0, 1});

    const std::vector<float> half = floats_of(state, "special_half");
    REQUIRE(half[0] == 0x1p-24f);
    REQUIRE(half[1] == 0x1p-14f);
    REQUIRE(half[2] == -infinity);
    REQUIRE(half[3] == infinity);
    REQUIRE(std::isnan(half[4]));
    REQUIRE(std::signbit(half[5]));
    REQUIRE(half[6] == 65504.0f);
    const std::vector<float> brain = floats_of(state, "special_brain");
    REQUIRE(tensor("special_brain").type == fl::ElementType::bf16);
    REQUIRE(brain[0] == 0x1p-133f);
    REQUIRE(brain[1] == -infinity);
    REQUIRE(std::isnan(brain[3]));
    REQUIRE(brain[5] == 3.140625f);

    REQUIRE(floats_of(state, "base") == arange(20));
    REQUIRE(tensor("transposed").extents == Extents{5, 4});
    std::vector<float> transposed;
    for (int column = 0; column < 5; ++column)
      for (int row = 0; row < 4; ++row) transposed.push_back(static_cast<float>(row * 5 + column));
    REQUIRE(floats_of(state, "transposed") == transposed);
    REQUIRE(floats_of(state, "column") == arange(4, 1, 5));
    REQUIRE(floats_of(state, "block") == std::vector<float>{7, 8, 12, 13});
    REQUIRE(floats_of(state, "steps") == arange(5, 3, 4));
    REQUIRE(tensor("transposed").bytes.data() == tensor("base").bytes.data());
    REQUIRE(tensor("column").bytes.data() == tensor("base").bytes.data() + 4);
    REQUIRE(floats_of(state, "expanded") == std::vector<float>{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2});
    REQUIRE(tensor("channels_last").strides == Extents{24, 1, 8, 2});
    REQUIRE(floats_of(state, "channels_last") == arange(24));
    REQUIRE(tensor("empty").extents == Extents{0, 3});
    REQUIRE(floats_of(state, "empty").empty());
    REQUIRE(floats_of(state, "parameter") == arange(6));
  }
}

TEST_CASE("a checkpoint's state_dict is found and its other values are skipped") {
  for (const std::string name : {"checkpoint.pth", "model_state_dict.pth", "model.pth",
                                 "protocol4.pth", "legacy_protocol4.pth"}) {
    INFO(name);
    const fl::StateDict state = fl::detail::read_pytorch(files::golden(name));
    REQUIRE(state.tensors.size() == 2);
    REQUIRE(floats_of(state, "weight") == arange(6));
    REQUIRE(integers_of(state, "num_batches_tracked") == std::vector<std::int64_t>{7});
  }
}

TEST_CASE("a wrapper may be inside a wrapper, and a layer may be called model") {
  const std::string inner = dictionary({{"w", Tensor{}}});
  const std::string twice = dictionary({{"model", dictionary({{"state_dict", inner}})}});
  REQUIRE(floats_of(read(files::pytorch_zip(twice, {six_floats()})), "w") == arange(6));
  const std::string layer = dictionary({{"model", Tensor{}}});
  REQUIRE(floats_of(read(files::pytorch_zip(layer, {six_floats()})), "model") == arange(6));
}

TEST_CASE(
    "a checkpoint's dictionaries of tensors are read with their names, where it has no more") {
  const std::string weights = dictionary({{"w", Tensor{}}, {"note", "N"}});
  const std::string optimizer =
      "}(" + files::pickle::text("state") + "}(K\x01" + dictionary({{"buf", Tensor{}}}) + "uu";
  const auto keys = [](const std::string& object) {
    std::string result;
    for (const auto& [key, tensor] : read(files::pytorch_zip(object, {six_floats()})).tensors)
      result += key + " ";
    return result;
  };
  REQUIRE(keys(dictionary({{"net", weights}, {"acc", "K\x5f"}, {"epoch", "K\x07"}})) == "net.w ");
  REQUIRE(keys(dictionary({{"net", weights}, {"optimizer", optimizer}})) == "net.w ");
  REQUIRE(keys(dictionary({{"student", weights}, {"teacher", weights}})) == "student.w teacher.w ");
  REQUIRE(keys(dictionary({{"state_dict", dictionary({{"params", weights}})}})) == "params.w ");
  REQUIRE(keys("}(" + files::pickle::text("net") + dictionary({{"x", Tensor{}}}) +
               files::pickle::text("net") + weights + "u") == "net.w ");  // the last of two
  const Tensor loss{.extents = {}, .strides = {}};
  REQUIRE(keys(dictionary({{"loss", loss}, {"net", weights}})) == "loss net.w ");
  const Tensor state_of_generator{
      .count = 24, .extents = {24}, .strides = {1}, .type = "ByteStorage"};
  REQUIRE(keys(dictionary({{"rng_state", state_of_generator}, {"net", weights}})) ==
          "net.w rng_state ");
  REQUIRE(keys(dictionary({{"model", weights}, {"ema", weights}})) == "w ");
  REQUIRE(keys(dictionary({{"conv", Tensor{}}, {"bn", weights}})) == "conv ");
  const fl::StateDict state = read(
      files::pytorch_zip(dictionary({{"net", weights}, {"none", dictionary({})}}), {six_floats()}));
  REQUIRE(floats_of(state, "net.w") == arange(6));
  REQUIRE(state.others.size() == 2);
  REQUIRE(state.others.find("net.note")->second == "None");
  REQUIRE(state.others.find("none")->second == "a dictionary");
}

TEST_CASE("dictionaries of tensors whose keys would be the same, or without end, are refused") {
  const std::string two =
      dictionary({{"a", dictionary({{"b.w", Tensor{}}})}, {"a.b", dictionary({{"w", Tensor{}}})}});
  REQUIRE(contains(refusal(files::pytorch_zip(two, {six_floats()})), "'a.b.w' is there twice"));
  std::string weights = "}q\x01(", object = "}(";
  for (int i = 0; i < 300; ++i) weights += files::pickle::text("w" + std::to_string(i)) + "h\x02";
  object += files::pickle::text("tensor") + std::string(Tensor{.extents = {}, .strides = {}}) +
            "q\x02" + files::pickle::text("first") + weights + "u";
  for (int i = 0; i < 300; ++i) object += files::pickle::text("x" + std::to_string(i)) + "h\x01";
  REQUIRE(contains(refusal(files::pytorch_zip(object + "u", {six_floats()})),
                   "one dictionary under too many names"));
}

TEST_CASE("a whole pickled module is refused with what to save instead") {
  const std::string error = error_of([] { fl::detail::read_pytorch(files::golden("module.pth")); });
  REQUIRE(contains(error, "module.pth': it holds a whole pickled module"));
  REQUIRE(contains(error, "torch.nn.modules.linear.Linear"));
  REQUIRE(contains(error, "save model.state_dict() instead"));
}

TEST_CASE("a whole pickled module is recognised in an old file, and inside of a checkpoint") {
  REQUIRE(contains(error_of([] { fl::detail::read_pytorch(files::golden("module_legacy.pth")); }),
                   "it holds a whole pickled module"));
  REQUIRE(contains(error_of([] { fl::detail::read_pytorch(files::golden("module_inside.pth")); }),
                   "its 'model' is a whole pickled module (torch.nn.modules.linear.Linear), not "
                   "its weights; save model.state_dict() instead"));
}

TEST_CASE("a TorchScript archive is refused with what to do instead") {
  const std::string error =
      error_of([] { fl::detail::read_pytorch(files::golden("scripted.pt")); });
  REQUIRE(contains(error, "scripted.pt': it is a TorchScript archive"));
  REQUIRE(contains(error, "torch.save(torch.jit.load(path).state_dict(), new_path)"));
}

TEST_CASE("values of any type may be stored with the weights and are skipped") {
  for (const std::string name : {"others.pth", "others_protocol5.pth", "others_legacy.pth"}) {
    INFO(name);
    const fl::StateDict state = fl::detail::read_pytorch(files::golden(name));
    REQUIRE(state.tensors.size() == 2);
    REQUIRE(floats_of(state, "weight") == arange(6));
    REQUIRE(integers_of(state, "num_batches_tracked") == std::vector<std::int64_t>{7});
    REQUIRE(state.others.empty());
  }
}

TEST_CASE("values of any type may be among the weights, and are named") {
  const fl::StateDict state = fl::detail::read_pytorch(files::golden("strange.pth"));
  REQUIRE(state.tensors.size() == 4);
  REQUIRE(floats_of(state, "weight") == arange(6));  // a tensor with an attribute
  REQUIRE(floats_of(state, "parameter") == arange(6));
  REQUIRE(integers_of(state, "num_batches_tracked") == std::vector<std::int64_t>{7});
  REQUIRE(state.tensors.find("generator")->second.type == fl::ElementType::u8);
  const auto other = [&](const char* key) { return state.others.find(key)->second; };
  REQUIRE(state.others.size() == 25);
  REQUIRE(other("args") == "a Python object of 'argparse.Namespace'");
  REQUIRE(other("best") == "a Python object of 'numpy.core.multiarray.scalar'");
  REQUIRE(other("function") == "the name 'torch.nn.functional.relu'");
  REQUIRE(other("complex_tensor") == "a tensor of type 'torch.ComplexFloatStorage'");
  REQUIRE(other("sparse") == "a tensor of 'torch._utils._rebuild_sparse_tensor'");
  REQUIRE(other("quantized") == "a tensor of 'torch._utils._rebuild_qtensor'");
  REQUIRE(other("large") == "a number");
}

TEST_CASE("a state_dict may be of another type of dictionary, and in one") {
  for (const std::string name : {"defaultdict.pth", "options.pth"}) {
    INFO(name);
    const fl::StateDict state = fl::detail::read_pytorch(files::golden(name));
    REQUIRE(state.tensors.size() == 2);
    REQUIRE(floats_of(state, "weight") == arange(6));
  }
}

TEST_CASE(
    "the tensors of PyTorch 2's new types are named, and its bytes are not taken for numbers") {
  using namespace files::pickle;
  const auto third = [](const std::string& key, int bytes_each, const std::string& type) {
    const std::string id = tuple({text("storage"), "ctorch.storage\nUntypedStorage\n", text(key),
                                  text("cpu"), integer(6 * bytes_each)}) +
                           "Q";
    return "ctorch._utils\n_rebuild_tensor_v3\n" +
           tuple({id, integer(0), integers({2, 3}), integers({3, 1}), "\x89", "N",
                  "ctorch\n" + type + "\n", "N"}) +
           "R";
  };
  const std::string object = dictionary({{"w", third("0", 4, "float32")},
                                         {"eight", third("1", 1, "float8_e4m3fn")},
                                         {"sixteen", third("1", 2, "uint16")}});
  const fl::StateDict state =
      read(files::pytorch_zip(object, {six_floats(), std::string(12, '\x38')}));
  REQUIRE(state.tensors.size() == 1);
  REQUIRE(floats_of(state, "w") == arange(6));
  REQUIRE(state.others.find("eight")->second == "a tensor of type 'torch.float8_e4m3fn'");
  REQUIRE(state.others.find("sixteen")->second == "a tensor of type 'torch.uint16'");
  REQUIRE(contains(
      refusal(files::pytorch_zip(dictionary({{"w", third("0", 3, "float32")}}), {six_floats()})),
      "is not inside its storage"));
}

TEST_CASE("a tensor that PyTorch negates when it is read is not read as it is stored") {
  using namespace files::pickle;
  std::string tensor = Tensor{};
  tensor.replace(tensor.size() - 2, 2, dictionary({{"neg", "\x88"}}) + "tR");
  const fl::StateDict state =
      read(files::pytorch_zip(dictionary({{"w", Tensor{}}, {"x", tensor}}), {six_floats()}));
  REQUIRE(state.tensors.size() == 1);
  REQUIRE(contains(state.others.find("x")->second, "negates"));
}

TEST_CASE("a deflated archive is read, and keeps what it inflated alive") {
  fl::StateDict copy;
  {
    const fl::StateDict state = fl::detail::read_pytorch(files::golden("deflated.pth"));
    copy = state;
  }
  REQUIRE(floats_of(copy, "weight") == arange(6));
  REQUIRE(integers_of(copy, "num_batches_tracked") == std::vector<std::int64_t>{7});
}

TEST_CASE("a deflated entry that is damaged or a bomb is refused") {
  const std::string whole = files::content_of(files::golden("deflated.pth"));
  const std::size_t directory = whole.find("PK\1\2");
  REQUIRE(directory != std::string::npos);
  const auto changed = [&](std::size_t at, std::uint32_t value) {
    std::string content = whole;
    content.replace(directory + at, 4, files::little_endian(value));
    return content;
  };
  REQUIRE(contains(refusal(changed(24, 10)), "does not inflate to its 10 bytes"));
  REQUIRE(contains(refusal(changed(24, 100000)), "does not inflate to its 100000 bytes"));
  REQUIRE(contains(refusal(changed(24, 0x7fffffff)), "would inflate to 2147483647 bytes"));
  REQUIRE(contains(refusal(changed(16, 12345)), "checksum"));
  REQUIRE(contains(refusal(changed(20, 5)), "does not inflate"));
  std::string flipped = whole;
  const std::size_t data = 30 + static_cast<std::size_t>(flipped[26]);
  for (std::size_t at = data; at < data + 40; ++at) {
    flipped = whole;
    flipped[at] = static_cast<char>(~flipped[at]);
    REQUIRE(!refusal(flipped).empty());
  }
}

TEST_CASE("bytes may follow an archive's end") {
  const std::string object = dictionary({{"w", Tensor{}}});
  for (const bool zip64 : {false, true})
    for (const std::string& tail : {std::string("x"), std::string(100000, '\0'),
                                    std::string("PK\5\6") + std::string(30, '\0')})
      REQUIRE(floats_of(read(files::pytorch_zip(object, {six_floats()}, "a/", zip64) + tail),
                        "w") == arange(6));
}

TEST_CASE("an archive may have any prefix, and be ZIP64") {
  const std::string object = dictionary({{"w", Tensor{}}});
  for (const std::string prefix : {"archive/", "resnet18/", "a/b c/", ""})
    for (const bool zip64 : {false, true})
      REQUIRE(floats_of(read(files::pytorch_zip(object, {six_floats()}, prefix, zip64)), "w") ==
              arange(6));
}

TEST_CASE("tensors may share a storage, with offsets and strides of their own") {
  const std::string object =
      dictionary({{"all", Tensor{}},
                  {"transposed", Tensor{.extents = {3, 2}, .strides = {1, 3}}},
                  {"tail", Tensor{.offset = 4, .extents = {2}, .strides = {1}}},
                  {"same", Tensor{.offset = 5, .extents = {2, 2}, .strides = {0, 0}}}});
  const fl::StateDict state = read(files::pytorch_zip(object, {six_floats()}));
  REQUIRE(floats_of(state, "all") == arange(6));
  REQUIRE(floats_of(state, "transposed") == std::vector<float>{0, 3, 1, 4, 2, 5});
  REQUIRE(floats_of(state, "tail") == std::vector<float>{4, 5});
  REQUIRE(floats_of(state, "same") == std::vector<float>{5, 5, 5, 5});
}

TEST_CASE("a legacy storage may be a view of another") {
  const std::string view = files::pickle::tuple(
      {files::pickle::text("view"), files::pickle::integer(2), files::pickle::integer(3)});
  const Tensor tensor{.count = 6, .offset = 1, .extents = {2}, .strides = {1}, .view = view};
  const fl::StateDict state = read(files::pytorch_legacy(dictionary({{"w", tensor}}), arange(6)));
  REQUIRE(floats_of(state, "w") == std::vector<float>{3, 4});

  Tensor outside = tensor;
  outside.extents = {3};
  REQUIRE(contains(refusal(files::pytorch_legacy(dictionary({{"w", outside}}), arange(6))),
                   "storage of 3 elements"));
  outside = tensor;
  outside.view = files::pickle::tuple(
      {files::pickle::text("view"), files::pickle::integer(4), files::pickle::integer(3)});
  REQUIRE(contains(refusal(files::pytorch_legacy(dictionary({{"w", outside}}), arange(6))),
                   "refers to a storage wrongly"));
}

TEST_CASE("a StateDict keeps the file's mapping alive when it is copied and moved") {
  fl::StateDict copy;
  {
    fl::StateDict first = read(files::pytorch_zip(dictionary({{"w", Tensor{}}}), {six_floats()}));
    copy = first;
    const fl::StateDict moved = std::move(first);
    REQUIRE(floats_of(moved, "w") == arange(6));
  }
  REQUIRE(floats_of(copy, "w") == arange(6));
}

TEST_CASE("a tensor that is not inside its storage is refused") {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const char* const outside = "is not inside its storage of 6 elements";
  REQUIRE(contains(refusal_of_tensor({.offset = 1}), outside));
  REQUIRE(contains(refusal_of_tensor({.offset = -1}), outside));
  REQUIRE(contains(refusal_of_tensor({.offset = most}), outside));
  REQUIRE(contains(refusal_of_tensor({.extents = {7}, .strides = {1}}), outside));
  REQUIRE(contains(refusal_of_tensor({.extents = {-1}, .strides = {1}}), outside));
  REQUIRE(contains(refusal_of_tensor({.strides = {-3, 1}}), outside));
  REQUIRE(contains(refusal_of_tensor({.strides = {most, most}}), outside));
  REQUIRE(contains(refusal_of_tensor({.extents = {most, most}, .strides = {0, 0}}), outside));
  REQUIRE(contains(refusal_of_tensor({.extents = {2, 4}}), "extents [2, 4], strides [3, 1]"));
  REQUIRE(contains(refusal_of_tensor({.strides = {1}}), "not described as PyTorch does"));
  REQUIRE(contains(refusal_of_tensor({.count = 7}), "'0' has 24 bytes"));
  REQUIRE(contains(refusal_of_tensor({.count = most}), "'0' has 24 bytes"));
  REQUIRE(contains(refusal_of_tensor({.type = "DoubleStorage"}), "6 F64 elements"));
  REQUIRE(contains(refusal_of_tensor({.storage = "5"}), "storage '5', which is missing"));
}

TEST_CASE("a storage that is described wrongly is refused") {
  const auto object = [](const Tensor& tensor) {
    return files::pytorch_zip(dictionary({{"w", tensor}}), {six_floats()});
  };
  REQUIRE(contains(refusal(object({.count = -1})), "refers to a storage wrongly"));
  REQUIRE(contains(refusal(object({.type = "Size"})), "'w' (a tensor of type 'torch.Size')"));
  REQUIRE(contains(refusal(object({.type = "ComplexFloatStorage"})),
                   "'w' (a tensor of type 'torch.ComplexFloatStorage')"));
}

TEST_CASE("an archive that torch.save would not write is refused") {
  const std::string data = files::pickle::proto + dictionary({{"w", Tensor{}}}) + ".";
  using files::zip;
  REQUIRE(contains(refusal(zip({{"a/data.pkl", data, 12}})),
                   "'a/data.pkl' is compressed by method 12"));
  REQUIRE(contains(refusal(zip({{"a/data.pkl", data, 0, 1}})), "'a/data.pkl' is encrypted"));
  REQUIRE(contains(refusal(zip({{"a/data.pkl", data}, {"a/data.pkl", data}})), "is there twice"));
  REQUIRE(contains(refusal(zip({{"a/data.pkl", data}, {"b/data.pkl", data}})), "two entries"));
  REQUIRE(contains(refusal(zip({{"a/readme", "text"}})), "without data.pkl"));
  REQUIRE(contains(refusal(zip({{"a/data.pkl", data}, {"a/byteorder", "big"}})), "big-endian"));
  REQUIRE(!read(zip({{"a/data.pkl", data}, {"a/byteorder", "little"}, {"a/data/0", six_floats()}}))
               .tensors.empty());
  std::string renamed = zip({{"a/data.pkl", data}});
  renamed[30] = 'b';
  REQUIRE(contains(refusal(renamed), "another name at its data"));
  std::string moved = zip({{"a/data.pkl", data}});
  moved.replace(moved.size() - 6, 4, files::little_endian(0x7fffffff));
  REQUIRE(!refusal(moved).empty());
}

TEST_CASE("a file without a dictionary of tensors is refused with what it has") {
  const auto object = [](const std::string& value) { return files::pytorch_zip(value, {""}); };
  REQUIRE(contains(refusal(object("K\x01")), "holds a number, not a dictionary of tensors"));
  REQUIRE(contains(refusal(object(Tensor{})), "not a dictionary of tensors"));
  REQUIRE(contains(refusal(object(dictionary({{"epoch", "N"}, {"best", "N"}}))),
                   "only these keys: 'best' (None), 'epoch' (None)"));
  REQUIRE(contains(refusal(object(dictionary({}))),
                   "its dictionary is empty; save model.state_dict()"));
  REQUIRE(contains(refusal(object("}(K\x01" + std::string(Tensor{}) + "u")),
                   "its dictionary holds no tensors under keys of text;"));
  const std::string cyclic = "}q\x01" + files::pickle::text("model") + "h\x01s";
  REQUIRE(contains(refusal(object(cyclic)), "only these keys: 'model' (a dictionary)"));
}

TEST_CASE("a legacy file of another machine, protocol or tool is refused") {
  const std::string object = dictionary({{"w", Tensor{}}});
  REQUIRE(floats_of(read(files::pytorch_legacy(object, arange(6))), "w") == arange(6));
  REQUIRE(contains(refusal(files::pytorch_legacy(object, arange(6), false)), "big-endian"));
  REQUIRE(contains(refusal(files::pytorch_legacy(object, arange(5))), "has 5 elements, not 6"));
  REQUIRE(contains(refusal("\x80\x02K\x01."), "not one that torch.save wrote"));
  REQUIRE(contains(refusal("hello"), "not a file that torch.save wrote"));
}

TEST_CASE("an attack in a file is named and not run") {
  const files::TemporaryFolder folder;
  const auto proof = folder.path / "it_was_run";
  const std::string attack =
      "cos\nsystem\n" + files::pickle::text("touch " + proof.string()) + "\x85R";
  REQUIRE(contains(refusal(files::pytorch_zip(attack, {})),
                   "holds a Python object of 'os.system', not a dictionary"));
  REQUIRE(contains(refusal(files::pytorch_zip(attack, {})), "no code of it was run"));
  REQUIRE(!refusal(files::pytorch_legacy(attack, arange(6))).empty());
  const std::string beside = dictionary({{"w", Tensor{}}, {"x", attack}});
  for (const std::string& content :
       {files::pytorch_zip(beside, {six_floats()}), files::pytorch_legacy(beside, arange(6))}) {
    const fl::StateDict state = read(content);
    REQUIRE(floats_of(state, "w") == arange(6));
    REQUIRE(state.others.find("x")->second == "a Python object of 'os.system'");
  }
  REQUIRE(!std::filesystem::exists(proof));
}

TEST_CASE("a file that is cut short anywhere is refused", "[slow]") {
  const files::TemporaryFolder folder;
  for (const std::string name : {"zip.pth", "legacy.pth", "checkpoint.pth"}) {
    const std::string whole = files::content_of(files::golden(name));
    REQUIRE(whole.size() > 2000);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto path = folder.write("cut.pth", std::string_view(whole).substr(0, size));
      const std::string error = error_of([&] { read_all(path); });
      if (!contains(error, "cut.pth': ")) FAIL(name << " cut to " << size << " bytes is accepted");
    }
  }
}

TEST_CASE("random damage to a file is harmless", "[slow]") {
  const files::TemporaryFolder folder;
  const unsigned seed = std::random_device{}();
  std::printf("random damage to .pth files: seed %u\n", seed);
  std::mt19937 random(seed);
  const std::vector<std::string> wholes = {files::content_of(files::golden("zip.pth")),
                                           files::content_of(files::golden("legacy.pth")),
                                           files::content_of(files::golden("checkpoint.pth"))};
  int refused = 0;
  for (int round = 0; round < 6000; ++round) {
    std::string damaged = wholes[static_cast<std::size_t>(round) % wholes.size()];
    for (unsigned flips = 1 + random() % 4; flips > 0; --flips)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    const auto path = folder.write("damaged.pth", damaged);
    if (!error_of([&] { read_all(path); }).empty()) ++refused;
  }
  REQUIRE(refused > 1000);
}

}  // namespace frostline::test::pytorch_test
