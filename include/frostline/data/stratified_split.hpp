// SPDX-License-Identifier: MIT
// stratified_split: divides samples into two parts with the same shares of the classes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/data/shuffle.hpp"

namespace frostline::detail {

/// Two parts of a data set, as numbers of samples in ascending order.
struct Split {
  std::vector<std::size_t> train, held_out;
};

}  // namespace frostline::detail

namespace frostline {

/// Holds out a share of each class's samples, chosen at random by the seed: the nearest whole
/// number, but at least one, and at least one stays. A class with one sample is not held out.
/// Throws: Error unless 0 < share < 1.
/// Source: https://scikit-learn.org/stable/modules/cross_validation.html#stratification
inline detail::Split stratified_split(std::span<const int> labels, double share,
                                      std::uint64_t seed = 0) {
  if (!(share > 0 && share < 1))
    throw Error(detail::format_text(
        "frostline: stratified_split requires a share between 0 and 1, got {}", share));
  std::map<int, std::vector<std::size_t>> by_class;
  for (const std::size_t i : shuffled(labels.size(), {.seed = seed}))
    by_class[labels[i]].push_back(i);
  detail::Split split;
  for (const auto& [label, samples] : by_class) {
    const double wanted = std::nearbyint(share * double(samples.size()));
    const std::size_t most = samples.size() - 1;
    const std::size_t count = std::min(std::max<std::size_t>(std::size_t(wanted), 1), most);
    const auto middle = samples.begin() + std::ptrdiff_t(count);
    split.held_out.insert(split.held_out.end(), samples.begin(), middle);
    split.train.insert(split.train.end(), middle, samples.end());
  }
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.held_out.begin(), split.held_out.end());
  return split;
}

}  // namespace frostline
