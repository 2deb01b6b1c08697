// SPDX-License-Identifier: MIT
// OneCycleSchedule: a learning rate that rises once and falls, and a momentum that goes against it.
#pragma once

#include <cmath>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/train/learning_rate.hpp"

namespace frostline {

/// From peak / div_factor to the peak in the first `pct_start` of all steps, then to
/// peak / div_factor / final_div_factor in the last step; in `three_phase`, first back to
/// peak / div_factor in as many steps as it rose. `fit` sets the learning rate only; a loop of
/// your own can also set the optimizer's momentum (AdamW's first beta), which falls from
/// `max_momentum` to `base_momentum` while the rate rises, and rises again: `momentum(step)`.
/// Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html
struct OneCycleSchedule {
  enum class AnnealStrategy { cosine, linear };

  float peak = 1e-2f;
  int steps = 0;  // of the whole training
  double pct_start = 0.3;
  AnnealStrategy anneal_strategy = AnnealStrategy::cosine;
  double base_momentum = 0.85;
  double max_momentum = 0.95;
  double div_factor = 25;
  double final_div_factor = 1e4;
  bool three_phase = false;

  /// The learning rate of a step, counted from 0; steps after the last have the last one's.
  /// Throws: Error if a setting makes no sense, or step < 0.
  float operator()(int step) const {
    check(step);
    const double initial = double(peak) / div_factor, least = initial / final_div_factor;
    return float(at(step, {initial, double(peak), three_phase ? initial : least, least}));
  }
  /// The momentum of a step. Throws: as the learning rate.
  float momentum(int step) const {
    check(step);
    return float(at(step, {max_momentum, base_momentum, max_momentum, max_momentum}));
  }

 private:
  /// The values between which each phase goes.
  struct Corners {
    double first, second, third, fourth;
  };
  double at(int step, const Corners& corner) const {
    // PyTorch's, in which a phase ends between two steps if pct_start says so.
    const double last = double(steps) - 1, now = step < steps ? double(step) : last;
    const double rise = pct_start * double(steps) - 1, fall = 2 * pct_start * double(steps) - 2;
    if (now <= rise) return between(corner.first, corner.second, 0, rise, now);
    if (!three_phase) return between(corner.second, corner.third, rise, last, now);
    if (now <= fall) return between(corner.second, corner.third, rise, fall, now);
    return between(corner.third, corner.fourth, fall, last, now);
  }
  double between(double first, double second, double begin, double end, double now) const {
    if (begin == end) return second;  // one step
    const double progress = (now - begin) / (end - begin);
    return anneal_strategy == AnnealStrategy::linear ? first + (second - first) * progress
                                                     : detail::half_cosine(first, second, progress);
  }
  void check(int step) const {
    detail::require_schedule("OneCycleSchedule", peak, step);
    const double most = three_phase ? 0.5 : 1;
    if (steps < 1 || !(pct_start >= 0 && pct_start <= most))
      throw Error(detail::format_text(
          "frostline: OneCycleSchedule requires at least one step and a pct_start from 0 to {}, "
          "got {} and {}",
          most, steps, pct_start));
    for (const double factor : {div_factor, final_div_factor})
      if (!(factor >= 1 && std::isfinite(factor)))
        throw Error(detail::format_text(
            "frostline: OneCycleSchedule requires a div_factor and a final_div_factor that are "
            "finite and at least 1, got {} and {}",
            div_factor, final_div_factor));
    if (!(base_momentum >= 0 && base_momentum <= max_momentum && max_momentum < 1))
      throw Error(detail::format_text(
          "frostline: OneCycleSchedule requires a base_momentum from 0 to max_momentum, and "
          "that below 1, got {} and {}",
          base_momentum, max_momentum));
  }
};

}  // namespace frostline
