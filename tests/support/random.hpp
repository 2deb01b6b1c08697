// SPDX-License-Identifier: MIT
// Fresh random inputs; the seed is printed and can be set with FROSTLINE_SEED.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "support/internals.hpp"

namespace frostline::test {

inline std::mt19937_64& random_engine() {
  static std::mt19937_64 engine = [] {
    const char* given = std::getenv("FROSTLINE_SEED");
    const std::uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::printf("FROSTLINE_SEED=%llu\n", static_cast<unsigned long long>(seed));
    return std::mt19937_64{seed};
  }();
  return engine;
}

inline float uniform(float low = -1, float high = 1) {
  return std::uniform_real_distribution<float>{low, high}(random_engine());
}

inline std::vector<float> random_floats(std::size_t count, float low = -1, float high = 1) {
  std::vector<float> result(count);
  for (float& x : result) x = uniform(low, high);
  return result;
}

inline std::vector<int> random_labels(std::size_t count, int classes) {
  std::vector<int> result(count);
  for (int& x : result) x = int(random_engine()() % std::uint64_t(classes));
  return result;
}

/// Numbers with a distance of at least `gap` from each other and from 0.
inline std::vector<float> spaced_floats(std::size_t count, float gap) {
  std::vector<float> result(count);
  for (std::size_t i = 0; i < count; ++i)
    result[i] = gap * (float(i / 2) + 1) * (i % 2 ? -1.0f : 1.0f);
  std::shuffle(result.begin(), result.end(), random_engine());
  return result;
}

}  // namespace frostline::test
