// SPDX-License-Identifier: MIT
// Schedules of the learning rate: functions of the step, as those of torch.optim.lr_scheduler.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/train/learning_rate.hpp"
#include "frostline/train/one_cycle.hpp"
#include "frostline/train/plateau.hpp"

// Each is called with a step, counted from 0, and returns its learning rate. In `ByEpoch` the
// numbers of steps are numbers of epochs. All compute in double, and round the result to float.

namespace frostline::detail {

constexpr void require_gamma(std::string_view name, double gamma) {
  if (!(gamma > 0 && gamma <= 1))
    throw Error(format_text("frostline: {} requires a gamma above 0 and of at most 1, got {}", name,
                            gamma));
}
/// Factors from 0 to 1, for exponents of at least 0; std::pow is not constexpr.
constexpr double power(double base, int exponent) {
  double result = 1;
  for (; exponent > 0; exponent /= 2, base *= base)
    if (exponent % 2 == 1) result *= base;
  return result;
}

}  // namespace frostline::detail

namespace frostline {

/// The peak times `factor` in the first `steps` steps, and the peak in all others.
/// Throws, when called: Error if a setting makes no sense, or step < 0.
/// Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html
struct ConstantSchedule {
  float peak = 1e-2f;
  double factor = 1;
  int steps = 0;

  constexpr float operator()(int step) const {
    detail::require_schedule("ConstantSchedule", peak, step);
    if (!(factor > 0 && factor <= 1 && steps >= 0))
      throw Error(detail::format_text(
          "frostline: ConstantSchedule requires a factor above 0 and of at most 1, and at least 0 "
          "steps, got {} and {}",
          factor, steps));
    return step < steps ? float(double(peak) * factor) : peak;
  }
};

/// The peak times gamma^n, where n is the number of whole periods of `step_size` steps before this
/// step. Throws: as ConstantSchedule.
/// Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html
struct StepSchedule {
  float peak = 1e-2f;
  int step_size = 0;
  double gamma = 0.1;

  constexpr float operator()(int step) const {
    detail::require_schedule("StepSchedule", peak, step);
    detail::require_gamma("StepSchedule", gamma);
    if (step_size < 1)
      throw Error(detail::format_text(
          "frostline: StepSchedule requires a step_size of at least 1, got {}", step_size));
    return float(double(peak) * detail::power(gamma, step / step_size));
  }
};

/// The peak times gamma^n, where n is the number of milestones that are not after this step; their
/// order does not matter, and equal ones count. Throws: as ConstantSchedule.
/// Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html
struct MultiStepSchedule {
  float peak = 1e-2f;
  std::vector<int> milestones = {};
  double gamma = 0.1;

  float operator()(int step) const {
    detail::require_schedule("MultiStepSchedule", peak, step);
    detail::require_gamma("MultiStepSchedule", gamma);
    int passed = 0;
    for (const int milestone : milestones) {
      if (milestone < 0)
        throw Error(detail::format_text(
            "frostline: MultiStepSchedule requires milestones of at least 0, got {}", milestone));
      passed += milestone <= step;
    }
    return float(double(peak) * detail::power(gamma, passed));
  }
};

/// The peak times gamma^step. Throws: as ConstantSchedule.
/// Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html
struct ExponentialSchedule {
  float peak = 1e-2f;
  double gamma = 0.99;

  constexpr float operator()(int step) const {
    detail::require_schedule("ExponentialSchedule", peak, step);
    detail::require_gamma("ExponentialSchedule", gamma);
    return float(double(peak) * detail::power(gamma, step));
  }
};

/// The peak times (1 - step / steps)^power, and 0 from the step `steps` on. With a power of 1 it is
/// a line. Throws: as ConstantSchedule.
/// Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.PolynomialLR.html
struct PolynomialSchedule {
  float peak = 1e-2f;
  int steps = 0;  // of the whole training
  double power = 1;

  float operator()(int step) const {
    detail::require_schedule("PolynomialSchedule", peak, step);
    if (steps < 1 || !(power > 0 && std::isfinite(power)))
      throw Error(detail::format_text(
          "frostline: PolynomialSchedule requires at least one step and a power that is finite and "
          "above 0, got {} and {}",
          steps, power));
    if (step >= steps) return 0;
    return float(double(peak) * std::pow(1 - double(step) / double(steps), power));
  }
};

/// Half a cosine from the peak towards `minimum` in each period, whose first step has the peak
/// again. The first period has `period` steps, and each later one `period_factor` times as many as
/// the one before. Throws: as ConstantSchedule.
/// Source:
/// https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html
/// (period is T_0, period_factor T_mult, minimum eta_min)
struct CosineRestartsSchedule {
  float peak = 1e-2f;
  int period = 0;
  int period_factor = 1;
  float minimum = 0;

  float operator()(int step) const {
    detail::require_schedule("CosineRestartsSchedule", peak, step);
    if (period < 1 || period_factor < 1 || !(minimum >= 0 && minimum <= peak))
      throw Error(detail::format_text(
          "frostline: CosineRestartsSchedule requires a period and a period_factor of at least 1, "
          "and a minimum from 0 to the peak, got {}, {} and {}",
          period, period_factor, minimum));
    std::int64_t steps = period, rest = step;
    if (period_factor == 1) rest %= steps;
    for (; rest >= steps; steps *= period_factor) rest -= steps;
    return float(detail::half_cosine(double(peak), double(minimum), double(rest) / double(steps)));
  }
};

/// A line from a part of another schedule's first rate to this rate, which the last of `steps`
/// steps has, and then that schedule from its first step on: `Warmup{100, StepSchedule{...}}`. The
/// first step has the first rate / steps. The other schedule counts its steps from the end of the
/// warm-up: a warm-up of whole epochs before a ByEpoch, or a ByEpoch of a Warmup, whose steps are
/// epochs then, changes the rate only between epochs. For a PlateauSchedule, pass
/// `std::ref(plateau)`. Throws, when called: Error if steps < 0 or step < 0; and as the other
/// schedule. Source:
/// https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html of
/// LinearLR(start_factor=1 / steps, total_iters=steps - 1) and that schedule
template <class Schedule>
struct Warmup {
  int steps;
  Schedule then;

  constexpr float operator()(int step) const {
    if (steps < 0 || step < 0)
      throw Error(detail::format_text(
          "frostline: Warmup requires at least 0 steps, and steps counted from 0, got {} and step "
          "{}",
          steps, step));
    if (step >= steps) return then(step - steps);
    return float(double(then(0)) * (double(step + 1) / double(steps)));
  }
};
template <class Schedule>
Warmup(int, Schedule) -> Warmup<Schedule>;

/// A schedule whose steps are epochs: `ByEpoch{steps_per_epoch(data.size(), 32),
/// StepSchedule{...}}`. All steps of an epoch have the same rate, if no Warmup of a part of an
/// epoch is before it. Throws, when called: Error if an epoch has no steps, or step < 0; and as the
/// other schedule.
template <class Schedule>
struct ByEpoch {
  int steps;  // per epoch
  Schedule schedule;

  constexpr float operator()(int step) const {
    if (steps < 1 || step < 0)
      throw Error(detail::format_text(
          "frostline: ByEpoch requires at least one step per epoch, and steps counted from 0, got "
          "{} and step {}",
          steps, step));
    return schedule(step / steps);
  }
};
template <class Schedule>
ByEpoch(int, Schedule) -> ByEpoch<Schedule>;

/// The number of steps that `fit` takes in an epoch: the last batch may be smaller.
/// Throws: Error if there are no samples, batch < 1, or the result is no int.
constexpr int steps_per_epoch(std::size_t samples, int batch) {
  const std::size_t steps = batch < 1 ? 0 : (samples + std::size_t(batch) - 1) / std::size_t(batch);
  if (steps < 1 || steps > std::size_t(std::numeric_limits<int>::max()))
    throw Error(detail::format_text(
        "frostline: steps_per_epoch requires samples, and batches of at least one, got {} samples "
        "and batches of {}",
        samples, batch));
  return int(steps);
}

}  // namespace frostline
