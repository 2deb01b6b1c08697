// SPDX-License-Identifier: MIT
// PlateauSchedule: a learning rate that falls when a metric no longer improves.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/train/learning_rate.hpp"

namespace frostline {
namespace detail {

/// Makes the struct that has it one that is assigned, but not copied.
struct NotCopied {
  NotCopied() = default;
  NotCopied(const NotCopied&) = delete;
  NotCopied& operator=(const NotCopied&) = default;
};

}  // namespace detail

/// The peak times `factor` for each time that `observe` found more than `patience` metrics in turn
/// that were not better than the best. A metric is better if it is below (`Mode::max`: above) the
/// best one by more than `threshold`, or by more than this part of it (`ThresholdMode::relative`).
/// A relative threshold suits positive metrics: of a negative one, a part makes the bound worse
/// than the best. After each time, the next `cooldown` metrics are not counted. For `fit`, by
/// reference, since a copy would not see what is observed:
///
///     PlateauSchedule plateau{.peak = 0.1f, .patience = 3};
///     fit(trainer, training, validation,
///         {.schedule = std::ref(plateau), .on_epoch = [&](const EpochResult& now, auto&&...) {
///            plateau.observe(now.validation_loss);
///            return true;
///          }});
///
/// To continue a training, save `state` and set it again.
/// Source:
/// https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
struct PlateauSchedule {
  enum class Mode { min, max };
  enum class ThresholdMode { relative, absolute };
  struct State {
    bool has_best = false;
    double best = 0;
    int not_better = 0;  // in turn
    int cooling = 0;     // metrics that are not counted
    int reductions = 0;
  };

  float peak = 1e-2f;
  Mode mode = Mode::min;
  double factor = 0.1;
  int patience = 10;
  double threshold = 1e-4;
  ThresholdMode threshold_mode = ThresholdMode::relative;
  int cooldown = 0;
  float minimum = 0;
  double epsilon = 1e-8;  // a smaller change of the learning rate is not made
  State state = {};
  detail::NotCopied not_copied = {};

  /// The learning rate, which does not depend on the step. Throws: Error if a setting makes no
  /// sense.
  float operator()(int = 0) const {
    check();
    double rate = double(peak);
    for (int i = 0; i < state.reductions; ++i) {
      const double less = std::max(rate * factor, double(minimum));
      if (!(rate - less > epsilon)) break;
      rate = less;
    }
    return float(rate);
  }
  /// Takes the next metric, for example an epoch's validation loss. Throws: Error, with nothing
  /// changed, if the metric is not a number or a setting makes no sense.
  void observe(double metric) {
    check();
    if (std::isnan(metric))
      throw Error("frostline: PlateauSchedule requires a metric, got one that is not a number");
    ++state.not_better;
    if (is_better(metric)) {
      state.best = metric;
      state.has_best = true;
      state.not_better = 0;
    }
    if (state.cooling > 0) {
      --state.cooling;
      state.not_better = 0;
    }
    if (state.not_better <= patience) return;
    ++state.reductions;
    state.cooling = cooldown;
    state.not_better = 0;
  }

 private:
  bool is_better(double metric) const {
    const double infinity = std::numeric_limits<double>::infinity();
    if (!state.has_best) return mode == Mode::min ? metric < infinity : metric > -infinity;
    const double sign = mode == Mode::min ? -1 : 1;
    const double bound = threshold_mode == ThresholdMode::relative
                             ? state.best * (1 + sign * threshold)
                             : state.best + sign * threshold;
    return mode == Mode::min ? metric < bound : metric > bound;
  }
  void check() const {
    detail::require_schedule("PlateauSchedule", peak, 0);
    if (!(factor > 0 && factor < 1 && minimum >= 0 && minimum <= peak))
      throw Error(detail::format_text(
          "frostline: PlateauSchedule requires a factor above 0 and below 1, and a minimum from 0 "
          "to the peak, got {} and {}",
          factor, minimum));
    if (patience < 0 || cooldown < 0)
      throw Error(detail::format_text(
          "frostline: PlateauSchedule requires a patience and a cooldown of at least 0, got {} and "
          "{}",
          patience, cooldown));
    for (const double setting : {threshold, epsilon})
      if (!(setting >= 0 && std::isfinite(setting)))
        throw Error(detail::format_text(
            "frostline: PlateauSchedule requires a threshold and an epsilon that are finite and at "
            "least 0, got {} and {}",
            threshold, epsilon));
  }
};

}  // namespace frostline
