// SPDX-License-Identifier: MIT
// Random numbers from counters: they depend on a seed and an index, not on the number of threads.
#pragma once

#include <cstdint>

namespace frostline::detail {

/// Mixes the bits of a number (the finaliser of splitmix64, Steele et al. 2014).
constexpr std::uint64_t scramble(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}
inline constexpr std::uint64_t golden_ratio = 0x9e3779b97f4a7c15u;

/// The next state of a chain of well-mixed numbers.
constexpr std::uint64_t mix(std::uint64_t x) { return scramble(x + golden_ratio); }

}  // namespace frostline::detail
