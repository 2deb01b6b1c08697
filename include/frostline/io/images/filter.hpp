// SPDX-License-Identifier: MIT
// Antialiasing filters: which source coordinates a resampled one reads, and with what weights.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

namespace frostline::detail {

/// The filter of bilinear resampling. Units: of x and `radius`, pixels of the smaller size.
struct TriangleFilter {
  static constexpr double radius = 1;
  static double at(double x) { return std::max(0.0, 1.0 - std::abs(x)); }
};

/// Bicubic resampling's, with Keys' constant a = -0.5, as in Pillow and in PyTorch with
/// antialias=True. Source: Keys 1981, https://doi.org/10.1109/TASSP.1981.1163711
struct BicubicFilter {
  static constexpr double radius = 2;
  static double at(double x) {
    constexpr double a = -0.5;
    x = std::abs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
  }
};

/// The source coordinates that an output coordinate reads.
struct FilterWindow {
  int first, count;
};

/// The rounded product: Pillow rounds it, so the compiler must not fuse it with an addition.
inline double rounded_product(double left, double right) {
  const volatile double product = left * right;
  return product;
}

/// The largest number of source coordinates that an output coordinate reads; `scale` is the number
/// of source pixels to one of the output.
template <class Filter>
int widest_window(double scale) {
  return static_cast<int>(std::ceil(Filter::radius * std::max(scale, 1.0))) * 2 + 1;
}

/// What an output coordinate reads of `source` coordinates, and in `weights` with which weights,
/// whose sum is 1. The filter is as wide as the reduction, and never narrower than its radius.
/// Shapes: weights (widest_window).
template <class Filter>
FilterWindow filter_window(int source, double begin, double scale, int output,
                           std::span<double> weights) {
  const double widening = std::max(scale, 1.0), support = Filter::radius * widening;
  const double center = begin + rounded_product(output + 0.5, scale);
  const int first = std::max(0, static_cast<int>(center - support + 0.5));
  const int count = std::min(source, static_cast<int>(center + support + 0.5)) - first;
  double sum = 0;
  for (int tap = 0; tap < count; ++tap)
    sum += weights[static_cast<std::size_t>(tap)] =
        Filter::at(rounded_product(tap + first - center + 0.5, 1.0 / widening));
  for (int tap = 0; tap < count; ++tap)
    weights[static_cast<std::size_t>(tap)] /= sum != 0 ? sum : 1.0;
  return {first, count};
}

}  // namespace frostline::detail
