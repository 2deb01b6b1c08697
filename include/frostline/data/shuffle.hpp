// SPDX-License-Identifier: MIT
// The order of an epoch's samples, and the seed of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

namespace frostline {

/// Seeds of random numbers: equal ones give equal data, with any number of threads.
struct Draws {
  std::uint64_t seed = 0;
  int epoch = 0;

  std::uint64_t of_epoch() const { return seed * 1'000'003 + std::uint64_t(epoch); }
  std::uint64_t of_sample(std::size_t index) const { return of_epoch() * 1'000'003 + index; }
};

}  // namespace frostline

namespace frostline::detail {

/// 0, 1, ... size - 1.
inline std::vector<std::size_t> in_order(std::size_t size) {
  std::vector<std::size_t> order(size);
  std::iota(order.begin(), order.end(), std::size_t(0));
  return order;
}

}  // namespace frostline::detail

namespace frostline {

/// 0 ... size - 1 in an order that depends only on the seed and the epoch.
inline std::vector<std::size_t> shuffled(std::size_t size, const Draws& draws) {
  std::vector<std::size_t> order = detail::in_order(size);
  std::mt19937_64 random{draws.of_epoch()};
  for (std::size_t i = size; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

}  // namespace frostline
