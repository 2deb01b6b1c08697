// SPDX-License-Identifier: MIT
// Tests of StoredTensor: types, strides and errors.
#include <cstdint>
#include <cstring>
#include <frostline/io/weights/state_dict.hpp>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "files.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"

namespace frostline::test::state_dict_test {

namespace fl = frostline;

namespace {

template <class Element>
fl::detail::StoredTensor stored(fl::ElementType type, const std::vector<Element>& elements,
                                std::vector<std::int64_t> extents,
                                std::vector<std::int64_t> strides) {
  return {type, std::move(extents), std::move(strides), std::as_bytes(std::span(elements))};
}

std::vector<float> read(const fl::detail::StoredTensor& tensor) {
  std::vector<float> out(tensor.size(), -1.0f);
  tensor.copy_to(out);
  return out;
}

}  // namespace

TEST_CASE("a stored tensor is read in row-major order with any strides") {
  const std::vector<float> values = files::arange(24);
  const auto type = fl::ElementType::f32;
  REQUIRE(read(stored(type, values, {24}, {1})) == values);
  REQUIRE(read(stored(type, values, {2, 3, 4}, {12, 4, 1})) == values);
  REQUIRE(read(stored(type, values, {2, 3}, {1, 2})) == std::vector<float>{0, 2, 4, 1, 3, 5});
  REQUIRE(read(stored(type, values, {3}, {5})) == std::vector<float>{0, 5, 10});
  REQUIRE(read(stored(type, values, {2, 2}, {0, 1})) == std::vector<float>{0, 1, 0, 1});
  REQUIRE(read(stored(type, values, {2, 2}, {1, 0})) == std::vector<float>{0, 0, 1, 1});
  REQUIRE(read(stored(type, values, {3}, {0})) == std::vector<float>{0, 0, 0});
  REQUIRE(read(stored(type, values, {2, 3}, {1, 1})) == std::vector<float>{0, 1, 2, 1, 2, 3});
  REQUIRE(read(stored(type, values, {2, 2, 2}, {12, 4, 1})) ==
          std::vector<float>{0, 1, 4, 5, 12, 13, 16, 17});
  REQUIRE(read(stored(type, values, {2, 3, 2}, {1, 2, 6})) ==
          std::vector<float>{0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11});
}

TEST_CASE("the stride of an axis of one element does not matter") {
  const std::vector<float> values = files::arange(6);
  constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  REQUIRE(read(stored(fl::ElementType::f32, values, {1, 2, 1, 3, 1}, {huge, 3, huge, 1, huge})) ==
          values);
}

TEST_CASE("a tensor without axes has one element, one with an extent of 0 none") {
  const std::vector<float> values = {4};
  REQUIRE(read(stored(fl::ElementType::f32, values, {}, {})) == values);
  REQUIRE(read(stored(fl::ElementType::f32, values, {0, 3}, {3, 1})).empty());
  REQUIRE(read(stored(fl::ElementType::f32, values, {3, 0}, {1, 1})).empty());
}

TEST_CASE("every element type is converted to float") {
  using Type = fl::ElementType;
  const std::vector<std::int64_t> two = {2}, one = {1};
  REQUIRE(read(stored<double>(Type::f64, {0.5, -2}, two, one)) == std::vector<float>{0.5f, -2});
  REQUIRE(read(stored<std::uint8_t>(Type::u8, {0, 255}, two, one)) == std::vector<float>{0, 255});
  REQUIRE(read(stored<std::int8_t>(Type::i8, {-128, 1}, two, one)) == std::vector<float>{-128, 1});
  REQUIRE(read(stored<std::int16_t>(Type::i16, {-9, 9}, two, one)) == std::vector<float>{-9, 9});
  REQUIRE(read(stored<std::int32_t>(Type::i32, {-9, 9}, two, one)) == std::vector<float>{-9, 9});
  REQUIRE(read(stored<std::int64_t>(Type::i64, {-9, 9}, two, one)) == std::vector<float>{-9, 9});
  REQUIRE(read(stored<std::uint8_t>(Type::boolean, {0, 7}, two, one)) == std::vector<float>{0, 1});
  REQUIRE(read(stored<std::uint16_t>(Type::f16, {0x3c00, 1}, two, one)) ==
          std::vector<float>{1, 0x1p-24f});
  REQUIRE(read(stored<std::uint16_t>(Type::bf16, {0x3f80, 1}, two, one)) ==
          std::vector<float>{1, 0x1p-133f});
}

TEST_CASE("integers are read unchanged, floats without their fractions") {
  using Type = fl::ElementType;
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  std::vector<std::int64_t> out(2);
  stored<std::int64_t>(Type::i64, {least, 7}, {2}, {1}).copy_to(out);
  REQUIRE(out == std::vector<std::int64_t>{least, 7});
  stored<std::uint8_t>(Type::boolean, {0, 7}, {2}, {1}).copy_to(out);
  REQUIRE(out == std::vector<std::int64_t>{0, 1});
  stored<float>(Type::f32, {1.75f, -2.75f}, {2}, {1}).copy_to(out);
  REQUIRE(out == std::vector<std::int64_t>{1, -2});
  stored<double>(Type::f64, {-0x1p63, 0x1.fffffffffffffp62}, {2}, {1}).copy_to(out);
  REQUIRE(out == std::vector<std::int64_t>{least, 0x7ffffffffffffc00});
  stored<std::uint16_t>(Type::f16, {0x4500, 0xc500}, {2}, {1}).copy_to(out);
  REQUIRE(out == std::vector<std::int64_t>{5, -5});
  stored<std::uint16_t>(Type::bf16, {0x40a0, 0xc0a0}, {2}, {1}).copy_to(out);
  REQUIRE(out == std::vector<std::int64_t>{5, -5});
}

TEST_CASE("a number that the requested type cannot hold is an error") {
  using Type = fl::ElementType;
  std::vector<std::int64_t> integer(1);
  for (const double number : {std::numeric_limits<double>::quiet_NaN(), 1e30, -1e30, 0x1p63,
                              std::numeric_limits<double>::infinity()})
    REQUIRE(files::contains(
        files::error_of([&] { stored<double>(Type::f64, {number}, {}, {}).copy_to(integer); }),
        "which is not a 64-bit integer"));
  REQUIRE(files::contains(
      files::error_of([&] { stored<std::uint16_t>(Type::f16, {0x7c00}, {}, {}).copy_to(integer); }),
      "it is inf"));
  std::vector<float> real(1);
  for (const double number : {1e39, -1e300})
    REQUIRE(files::contains(
        files::error_of([&] { stored<double>(Type::f64, {number}, {}, {}).copy_to(real); }),
        "too large for a float"));
  stored<double>(Type::f64, {std::numeric_limits<double>::infinity()}, {}, {}).copy_to(real);
  REQUIRE(real[0] == std::numeric_limits<float>::infinity());
}

TEST_CASE("a span of another size is refused with both sizes") {
  const std::vector<float> values = files::arange(6);
  const auto tensor = stored(fl::ElementType::f32, values, {2, 3}, {3, 1});
  std::vector<float> five(5);
  std::vector<std::int64_t> seven(7);
  REQUIRE(files::error_of([&] { tensor.copy_to(five); }) ==
          "a stored tensor of extents [2, 3] has 6 elements, not the 5 asked for");
  REQUIRE(files::contains(files::error_of([&] { tensor.copy_to(seven); }), "not the 7"));
}

TEST_CASE("elements may be at any address") {
  alignas(8) char buffer[4 * 4 + 1];
  const std::vector<float> values = files::arange(4, 0.5f);
  std::memcpy(buffer + 1, values.data(), 16);
  REQUIRE(read({fl::ElementType::f32, {4}, {1}, std::as_bytes(std::span(buffer + 1, 16))}) ==
          values);
}

TEST_CASE("the number of elements is refused where it overflows") {
  constexpr std::int64_t large = std::int64_t{1} << 32;
  using fl::detail::count_elements;
  REQUIRE(count_elements(std::vector<std::int64_t>{2, 3}) == 6);
  REQUIRE(count_elements(std::vector<std::int64_t>{}) == 1);
  REQUIRE(count_elements(std::vector<std::int64_t>{large, 0}) == 0);
  REQUIRE(!count_elements(std::vector<std::int64_t>{large, large}));
  REQUIRE(!count_elements(std::vector<std::int64_t>{large, large, 0}));
  REQUIRE(!count_elements(std::vector<std::int64_t>{2, -1}));
}

}  // namespace frostline::test::state_dict_test
