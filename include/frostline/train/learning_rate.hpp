// SPDX-License-Identifier: MIT
// CosineSchedule, the learning rate that `fit` uses without another, and what schedules share.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"

namespace frostline::detail {

constexpr bool is_rate(float rate) {
  return rate >= 0 && rate <= std::numeric_limits<float>::max();
}
/// Throws: Error unless the peak is a learning rate, and steps are counted from 0.
constexpr void require_schedule(std::string_view name, float peak, int step) {
  if (!is_rate(peak) || step < 0)
    throw Error(
        format_text("frostline: {} requires a peak that is finite and at least 0, and steps "
                    "counted from 0, got {} and step {}",
                    name, peak, step));
}
/// From the first number to the last along half a cosine, as progress goes from 0 to 1.
inline double half_cosine(double first, double last, double progress) {
  return last + (first - last) / 2 * (1 + std::cos(3.14159265358979323846 * progress));
}

}  // namespace frostline::detail

namespace frostline {

/// A linear warm-up, from peak / warmup_steps in the first step to `peak`; then half a cosine from
/// `peak` that would reach 0 in the step after the last.
/// Source: Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983
struct CosineSchedule {
  float peak = 1e-2f;
  int warmup_steps = 0;
  int steps = 0;  // of the whole training, warm-up included

  /// The learning rate of a step, counted from 0; it is 0 after the last step.
  /// Throws: Error if there are no steps, the warm-up is longer than all of them, or step < 0.
  float operator()(int step) const {
    detail::require_schedule("CosineSchedule", peak, step);
    if (steps < 1 || warmup_steps < 0 || warmup_steps > steps || step < 0)
      throw Error(detail::format_text(
          "frostline: CosineSchedule requires at least one step, a warm-up of no more than all of "
          "them, and steps counted from 0, got {} steps, {} of warm-up and step {}",
          steps, warmup_steps, step));
    if (step < warmup_steps) return float(double(peak) * (double(step + 1) / double(warmup_steps)));
    const int rest = std::max(1, steps - warmup_steps);
    if (step - warmup_steps >= rest) return 0;
    return float(detail::half_cosine(double(peak), 0, double(step - warmup_steps) / double(rest)));
  }
};

}  // namespace frostline
