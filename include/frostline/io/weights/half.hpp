// SPDX-License-Identifier: MIT
// Conversion between float and the two 16-bit floating types, F16 and BF16.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace frostline::detail {

/// Exact, also for subnormal numbers, infinities and NaN.
constexpr float float_from_f16(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fu;
  const std::uint32_t fraction = half & 0x3ffu;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  const std::uint32_t widened = exponent == 31 ? 255u : exponent + 112u;
  return std::bit_cast<float>(sign | (widened << 23) | (fraction << 13));
}

constexpr float float_from_bf16(std::uint16_t brain) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(brain) << 16);
}

/// Rounds to nearest, ties to even; a number that is too large becomes infinite.
constexpr std::uint16_t f16_from_float(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  std::uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u;  // NaN
  } else if (magnitude >= 0x477ff000u) {
    half = 0x7c00u;  // infinity, from 65520 on
  } else if (magnitude >= 0x38800000u) {
    half = (magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13;
  } else {  // adding 0.5 leaves the bits of a subnormal half, rounded, in the fraction
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  }
  return static_cast<std::uint16_t>(sign | half);
}

/// Rounds to nearest, ties to even.
constexpr std::uint16_t bf16_from_float(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  const std::uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  return static_cast<std::uint16_t>((nan ? bits | 0x400000u : rounded) >> 16);
}

/// Whether a finite number stays finite in F16 or BF16.
constexpr bool fits_f16(float value) {
  const float magnitude = value < 0 ? -value : value;
  return !(magnitude >= 65520.0f) || magnitude == std::numeric_limits<float>::infinity();
}
constexpr bool fits_bf16(float value) {
  const float magnitude = value < 0 ? -value : value;
  return !(magnitude >= 0x1.ffp127f) || magnitude == std::numeric_limits<float>::infinity();
}

}  // namespace frostline::detail
