// SPDX-License-Identifier: MIT
// Tests of the conversions between float and the 16-bit floating types.
#include <bit>
#include <cmath>
#include <cstdint>
#include <frostline/io/weights/half.hpp>
#include <limits>
#include <random>

#include "support/catch.hpp"
#include "support/internals.hpp"

namespace frostline::test::half_test {

namespace fl = frostline;

TEST_CASE("every F16 number has the value of its bits") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const int exponent = static_cast<int>((bits >> 10) & 31),
              fraction = static_cast<int>(bits & 1023);
    const float value = fl::detail::float_from_f16(static_cast<std::uint16_t>(bits));
    const double magnitude =
        exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    if (std::signbit(value) != (bits >= 0x8000)) ++wrong;
    if (exponent < 31 && std::fabs(value) != magnitude) ++wrong;
    if (exponent == 31 && fraction == 0 && !std::isinf(value)) ++wrong;
    if (exponent == 31 && fraction != 0 && !std::isnan(value)) ++wrong;
  }
  REQUIRE(wrong == 0);
}

TEST_CASE("F16 and BF16 numbers become float and back without a change") {
  int wrong = 0;
  for (std::uint32_t i = 0; i < 0x10000; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const float half = fl::detail::float_from_f16(bits), brain = fl::detail::float_from_bf16(bits);
    if (std::isnan(half) ? !std::isnan(fl::detail::float_from_f16(fl::detail::f16_from_float(half)))
                         : fl::detail::f16_from_float(half) != bits)
      ++wrong;
    if (std::isnan(brain)
            ? !std::isnan(fl::detail::float_from_bf16(fl::detail::bf16_from_float(brain)))
            : fl::detail::bf16_from_float(brain) != bits)
      ++wrong;
  }
  REQUIRE(wrong == 0);
}

TEST_CASE("a float becomes the nearest F16 or BF16 number, the even one of two") {
  // Between neighbours: a quarter of the way rounds down, three quarters up, half to even.
  const auto wrong_between = [](auto narrow, auto widen, std::uint32_t last) {
    int wrong = 0;
    for (std::uint32_t i = 0; i < last; ++i) {
      const auto low = static_cast<std::uint16_t>(i), high = static_cast<std::uint16_t>(i + 1);
      const double a = widen(low), b = widen(high);
      const auto at = [&](double part) { return narrow(static_cast<float>(a + (b - a) * part)); };
      const float quarter = static_cast<float>(a + (b - a) * 0.25);
      if (double{quarter} != a + (b - a) * 0.25) continue;  // float is too coarse near zero
      if (at(0.25) != low || at(0.75) != high || at(0.5) != (i % 2 == 0 ? low : high)) ++wrong;
    }
    return wrong;
  };
  REQUIRE(wrong_between(fl::detail::f16_from_float, fl::detail::float_from_f16, 0x7bff) == 0);
  REQUIRE(wrong_between(fl::detail::bf16_from_float, fl::detail::float_from_bf16, 0x7f7f) == 0);
  REQUIRE(fl::detail::f16_from_float(65519.996f) == 0x7bff);
  REQUIRE(fl::detail::f16_from_float(65520.0f) == 0x7c00);
  REQUIRE(fl::detail::f16_from_float(-std::numeric_limits<float>::max()) == 0xfc00);
  REQUIRE(fl::detail::f16_from_float(0x1p-25f) == 0);
  REQUIRE(fl::detail::f16_from_float(0x1.000002p-25f) == 1);
  REQUIRE(fl::detail::bf16_from_float(std::numeric_limits<float>::max()) == 0x7f80);
  REQUIRE(fl::detail::bf16_from_float(std::bit_cast<float>(0x7f800001u)) == 0x7fc0);
}

}  // namespace frostline::test::half_test
