// SPDX-License-Identifier: MIT
// Schedules of the learning rate.
#pragma once

#include <algorithm>
#include <cmath>

namespace frostline {

/// A linear warm-up to `peak`, whose first step has peak / warmup_steps, then half a cosine that
/// starts at `peak` and would reach 0 in the step after the last.
/// Source: Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983
struct CosineSchedule {
  float peak = 1e-2f;
  int warmup_steps = 0;
  int steps = 1;

  /// The learning rate of a step, counted from 0.
  float operator()(int step) const {
    if (step < warmup_steps) return peak * float(step + 1) / float(warmup_steps);
    const int rest = std::max(1, steps - warmup_steps);
    const float progress = std::min(1.0f, float(step - warmup_steps) / float(rest));
    return peak * 0.5f * (1 + std::cos(3.14159265f * progress));
  }
};

}  // namespace frostline
