// SPDX-License-Identifier: MIT
// Tests of reading and writing safetensors files.
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <frostline/io/weights/safetensors.hpp>
#include <frostline/io/weights/write_safetensors.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "files.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"

namespace frostline::test::safetensors_test {

namespace fl = frostline;
using files::arange;
using files::contains;
using files::error_of;
using files::floats_of;
using files::integers_of;

namespace {

std::string file_of(const std::string& header, const std::string& data = "") {
  return files::little_endian(static_cast<std::uint64_t>(header.size())) + header + data;
}

std::string refusal(const std::string& content) {
  const files::TemporaryFolder folder;
  const auto path = folder.write("some.safetensors", content);
  const std::string error = error_of([&] { fl::detail::read_safetensors(path); });
  INFO(error);
  if (!error.empty()) REQUIRE(contains(error, "some.safetensors': "));
  return error;
}

std::string entry(const std::string& key, const std::string& type, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + key + "\":{\"dtype\":\"" + type + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

std::string refusal_of(const std::string& entries, std::size_t bytes = 8) {
  return refusal(file_of("{" + entries + "}", std::string(bytes, '\0')));
}

}  // namespace

TEST_CASE("a file of the safetensors package is read") {
  const fl::StateDict state = fl::detail::read_safetensors(files::golden("reference.safetensors"));
  REQUIRE(state.tensors.size() == 6);
  REQUIRE(floats_of(state, "weight") == arange(6));
  REQUIRE(state.tensors.find("weight")->second.extents == std::vector<std::int64_t>{2, 3});
  REQUIRE(state.tensors.find("weight")->second.strides == std::vector<std::int64_t>{3, 1});
  REQUIRE(floats_of(state, "half") == arange(3, 0, 0.125f));
  REQUIRE(integers_of(state, "num_batches_tracked") == std::vector<std::int64_t>{7});
  REQUIRE(integers_of(state, "boolean") == std::vector<std::int64_t>{1, 0, 1});
  REQUIRE(floats_of(state, "empty").empty());
  const std::vector<float> brain = floats_of(state, "special_brain");
  REQUIRE(brain[0] == 0x1p-133f);
  REQUIRE(std::isnan(brain[3]));
  REQUIRE(state.metadata.find("format")->second == "pt");
}

TEST_CASE("written tensors are read back unchanged") {
  const files::TemporaryFolder folder;
  const auto path = folder.path / "written.safetensors";
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> many(10000), tenth(many.size());
  for (float& value : many) value = normal(random);
  const std::vector<std::int64_t> integers = {std::numeric_limits<std::int64_t>::min(), 7};
  const std::vector<float> one = {3.25f};
  fl::write_safetensors(path,
                        {{"conv.weight", {100, 2, 50}, fl::ElementType::f32, many},
                         {"half", {10000}, fl::ElementType::f16, many},
                         {"brain \"quoted\" \xc3\xa9", {10000}, fl::ElementType::bf16, many},
                         {"integers", {2, 1}, fl::ElementType::i64, integers},
                         {"scalar", {}, fl::ElementType::f32, one},
                         {"empty", {3, 0}, fl::ElementType::f32, std::span<const float>{}}},
                        {{"epoch", "3"}, {"note", "two\nlines"}});
  const fl::StateDict state = fl::detail::read_safetensors(path);
  REQUIRE(state.tensors.size() == 6);
  REQUIRE(state.tensors.find("conv.weight")->second.extents ==
          std::vector<std::int64_t>{100, 2, 50});
  REQUIRE(floats_of(state, "conv.weight") == many);
  for (std::size_t i = 0; i < many.size(); ++i)
    tenth[i] = fl::detail::float_from_f16(fl::detail::f16_from_float(many[i]));
  REQUIRE(floats_of(state, "half") == tenth);
  for (std::size_t i = 0; i < many.size(); ++i)
    tenth[i] = fl::detail::float_from_bf16(fl::detail::bf16_from_float(many[i]));
  REQUIRE(floats_of(state, "brain \"quoted\" \xc3\xa9") == tenth);
  REQUIRE(integers_of(state, "integers") == integers);
  REQUIRE(floats_of(state, "scalar") == one);
  REQUIRE(floats_of(state, "empty").empty());
  REQUIRE(state.metadata.size() == 2);
  REQUIRE(state.metadata.find("note")->second == "two\nlines");
}

TEST_CASE("a written file's header and data are aligned to 8 bytes, wide types first") {
  const files::TemporaryFolder folder;
  const auto path = folder.path / "written.safetensors";
  const std::vector<float> three = arange(3);
  const std::vector<std::int64_t> one = {1};
  fl::write_safetensors(path, {{"a", {3}, fl::ElementType::f16, three},
                               {"b", {3}, fl::ElementType::f32, three},
                               {"c", {1}, fl::ElementType::i64, one}});
  const std::string content = files::content_of(path);
  std::uint64_t header;
  std::memcpy(&header, content.data(), sizeof header);
  REQUIRE(header % 8 == 0);
  REQUIRE(content.size() == 8 + header + 8 + 12 + 6);
  REQUIRE(contains(content, "\"c\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}"));
  REQUIRE(contains(content, "\"a\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[20,26]}"));
}

TEST_CASE("tensors that cannot be written are refused by key") {
  const files::TemporaryFolder folder;
  const auto path = folder.path / "written.safetensors";
  const std::vector<float> three = arange(3);
  const std::vector<std::int64_t> one = {1};
  const auto refused = [&](const std::vector<fl::TensorToWrite>& tensors) {
    const std::string error = error_of([&] { fl::write_safetensors(path, tensors); });
    REQUIRE(contains(error, "cannot write '" + path.string() + "': tensor 'a"));
    return error;
  };
  REQUIRE(contains(refused({{"a", {4}, fl::ElementType::f32, three}}), "extents [4], but 3"));
  REQUIRE(contains(refused({{"a", {-3}, fl::ElementType::f32, three}}), "extents [-3]"));
  REQUIRE(contains(refused({{"a", {3}, fl::ElementType::i64, three}}), "as I64 from floats"));
  REQUIRE(contains(refused({{"a", {1}, fl::ElementType::f32, one}}), "as F32 from integers"));
  REQUIRE(contains(refused({{"a", {3}, fl::ElementType::f64, three}}), "as F64 from floats"));
  REQUIRE(contains(
      refused({{"a", {3}, fl::ElementType::f32, three}, {"a", {3}, fl::ElementType::f16, three}}),
      "is there twice"));
  REQUIRE(contains(refused({{"a\xff", {3}, fl::ElementType::f32, three}}), "not UTF-8"));
  REQUIRE(std::filesystem::is_empty(folder.path));
}

TEST_CASE("a failure to write keeps the old file and leaves no new one") {
  const files::TemporaryFolder folder;
  const auto path = folder.path / "weights.safetensors";
  const std::vector<float> before = arange(3), after(100000, 1.0f);
  fl::write_safetensors(path, {{"w", {3}, fl::ElementType::f32, before}});

  rlimit limit;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  const rlimit small{50000, limit.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string error = error_of([&] {
    fl::write_safetensors(path, {{"w", {100000}, fl::ElementType::f16, after}});
  });
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);

  REQUIRE(contains(error, "cannot write '" + path.string() + "': File too large"));
  REQUIRE(floats_of(fl::detail::read_safetensors(path), "w") == before);
  const auto entries = std::filesystem::directory_iterator(folder.path);
  REQUIRE(std::distance(begin(entries), end(entries)) == 1);

  fl::write_safetensors(path, {{"w", {100000}, fl::ElementType::f16, after}});
  REQUIRE(floats_of(fl::detail::read_safetensors(path), "w") == after);
}

TEST_CASE("a path that cannot be written is an error with its reason") {
  const files::TemporaryFolder folder;
  REQUIRE(contains(error_of([&] { fl::write_safetensors(folder.path / "no" / "file", {}); }),
                   "file': there is no folder '"));
  std::filesystem::create_directories(folder.path / "folder" / "inner");
  REQUIRE(contains(error_of([&] { fl::write_safetensors(folder.path / "folder", {}); }),
                   "cannot write '"));
}

TEST_CASE("a header that breaks the format is refused") {
  REQUIRE(contains(refusal("1234567"), "too short"));
  REQUIRE(contains(refusal(files::little_endian(std::uint64_t{3}) + "{}"), "cut short"));
  REQUIRE(contains(refusal(files::little_endian(~std::uint64_t{0}) + "{}"), "over 100 MB"));
  REQUIRE(contains(refusal(files::little_endian(std::uint64_t{100'000'001}) + "{}"), "100 MB"));
  REQUIRE(contains(refusal(file_of("{")), "is not JSON"));
  REQUIRE(contains(refusal(file_of("")), "is not JSON"));
  REQUIRE(contains(refusal(file_of("[]")), "not a JSON object"));
  REQUIRE(contains(refusal(file_of(" {}")), "not a JSON object"));
  REQUIRE(contains(refusal(file_of("{} x")), "is not JSON"));
  REQUIRE(contains(refusal(file_of(std::string(100000, '['))), "is not JSON"));
  REQUIRE(contains(refusal(file_of("{\"__metadata__\":{\"a\":1}}")), "not all text"));
  REQUIRE(contains(refusal(file_of("{\"__metadata__\":[]}")), "not a JSON object"));
  REQUIRE(refusal(file_of("{}      ")).empty());
}

TEST_CASE("a tensor of an unsupported type is named, and the others are read") {
  const files::TemporaryFolder folder;
  const std::string header = entry("a", "F8_E4M3", "[4]", "[0,4]") + "," +
                             entry("w", "F32", "[1]", "[4,8]") + "," +
                             entry("c", "C64", "[1]", "[8,16]");
  const auto path =
      folder.write("some.safetensors", file_of("{" + header + "}") + std::string(4, 'x') +
                                           files::bytes_of({1.5f}) + std::string(8, 'x'));
  const fl::StateDict state = fl::detail::read_safetensors(path);
  REQUIRE(state.tensors.size() == 1);
  REQUIRE(floats_of(state, "w") == std::vector<float>{1.5f});
  REQUIRE(state.others.find("a")->second == "a tensor of type 'F8_E4M3'");
  REQUIRE(state.others.find("c")->second == "a tensor of type 'C64'");
}

TEST_CASE("a header may name its tensors in another order than that of their bytes") {
  const files::TemporaryFolder folder;
  const auto header =
      "{" + entry("a", "F32", "[1]", "[8,12]") + "," + entry("none", "F32", "[0]", "[4,4]") + "," +
      entry("b", "F32", "[1]", "[4,8]") + "," + entry("c", "F32", "[1]", "[0,4]") + "}";
  const fl::StateDict state = fl::detail::read_safetensors(
      folder.write("any order", file_of(header, std::string(12, '\0'))));
  REQUIRE(state.tensors.size() == 4);
}

TEST_CASE("a tensor that breaks the format is refused") {
  const std::string good = entry("a", "F32", "[2]", "[0,8]");
  REQUIRE(refusal_of(good).empty());
  REQUIRE(contains(refusal_of(good + "," + good), "duplicate object key"));
  REQUIRE(contains(refusal_of(entry("a", "F8_E4M3", "[8]", "[0,9]")), "[0, 9) of 8 bytes"));
  REQUIRE(contains(refusal_of("\"a\":3"), "lacks a proper dtype"));
  REQUIRE(contains(refusal_of(entry("a", "F32", "[-2]", "[0,8]")), "lacks a proper dtype, shape"));
  REQUIRE(contains(refusal_of(entry("a", "F32", "[2.0]", "[0,8]")), "lacks a proper dtype, shape"));
  REQUIRE(contains(refusal_of(entry("a", "F32", "2", "[0,8]")), "lacks a proper dtype, shape"));
  REQUIRE(contains(refusal_of(entry("a", "F32", "[2]", "[0]")), "lacks a proper dtype, shape"));
  REQUIRE(contains(refusal_of(entry("a", "F32", "[2]", "[8,0]")), "[8, 0) of 8 bytes"));
  REQUIRE(contains(refusal_of(entry("a", "F32", "[2]", "[1,9]")), "[1, 9) of 8 bytes"));
  REQUIRE(contains(refusal_of(entry("a", "F32", "[3]", "[0,8]")), "8 bytes, which shape [3]"));
  REQUIRE(contains(refusal_of(entry("a", "F32", "[4294967296,4294967296]", "[0,8]")), "shape"));
  REQUIRE(contains(refusal_of(entry("a", "F32", "[99999999999999999999]", "[0,8]")), "not JSON"));
  REQUIRE(contains(refusal_of(entry("a", "F32", "[1]", "[0,7]")), "7 bytes"));
  REQUIRE(contains(refusal_of(good + "," + entry("b", "F32", "[1]", "[4,8]")), "overlaps"));
  REQUIRE(contains(refusal_of(good + "," + entry("b", "F32", "[1]", "[9,13]"), 13), "hole"));
  REQUIRE(contains(refusal_of(entry("a", "F32", "[1]", "[4,8]")), "leaves a hole"));
  REQUIRE(contains(refusal_of(good, 9), "tensors have 8 bytes, its data 9"));
}

TEST_CASE("a safetensors file that is truncated or damaged is harmless") {
  const files::TemporaryFolder folder;
  const std::string whole = files::content_of(files::golden("reference.safetensors"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto path = folder.write("cut", std::string_view(whole).substr(0, size));
    if (error_of([&] { fl::detail::read_safetensors(path); }).empty()) FAIL("accepted at " << size);
  }
  const unsigned seed = std::random_device{}();
  std::printf("random damage to safetensors files: seed %u\n", seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = whole;
    for (unsigned flips = 1 + random() % 4; flips > 0; --flips)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    const auto path = folder.write("damaged", damaged);
    error_of([&] {
      const fl::StateDict state = fl::detail::read_safetensors(path);
      for (const auto& [key, tensor] : state.tensors) floats_of(state, key);
    });
  }
}

}  // namespace frostline::test::safetensors_test
