// SPDX-License-Identifier: MIT
// Schedules of the learning rate.
#pragma once

#include <algorithm>
#include <cmath>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"

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
    if (steps < 1 || warmup_steps < 0 || warmup_steps > steps || step < 0)
      throw Error(detail::format_text(
          "frostline: CosineSchedule requires at least one step, a warm-up of no more than all of "
          "them, and steps counted from 0, got {} steps, {} of warm-up and step {}",
          steps, warmup_steps, step));
    if (step < warmup_steps) return peak * float(step + 1) / float(warmup_steps);
    const int rest = std::max(1, steps - warmup_steps);
    const float progress = std::min(1.0f, float(step - warmup_steps) / float(rest));
    return peak * 0.5f * (1 + std::cos(3.14159265f * progress));
  }
};

}  // namespace frostline
