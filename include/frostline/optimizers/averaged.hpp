// SPDX-License-Identifier: MIT
// Averaged: an optimizer that also keeps an average of the weights.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/optimizers/optimizer.hpp"

namespace frostline {

/// Another optimizer, and an average of the weights after each of its updates:
///
///     Trainer trainer{network, CrossEntropy{}, Averaged{Sgd{.learning_rate = 0.01f}, 0.98f}};
///
/// a += (1 - d) * (p - a), where d = min(decay, 1 - 1 / t) in update t = 1, 2, ...: the mean of all
/// weights so far, as long as there are fewer than 1 / (1 - decay) of them, and then an exponential
/// moving average. The initial weights do not count. With a decay of 1 it is the mean of all.
/// The average is one more state of the optimizer, with keys such as "average.conv1.weight", and
/// costs one float for each trainable parameter. Training does not read it: `fit` evaluates it, and
/// Trainer::use_average makes of it the network's weights. Running statistics are not averaged;
/// they are those of the last weights.
/// Source: Polyak and Juditsky 1992, https://doi.org/10.1137/0330046; timm's ModelEmaV3 with
/// use_warmup, warmup_gamma = 1 and warmup_power = 1. With a decay of 1, torch.optim.swa_utils'
/// AveragedModel.
template <class Optimizer>
struct Averaged : Optimizer {
  float decay = 0.99f;

  /// The number of the state that is the average.
  static constexpr std::size_t average_state = Optimizer::states.size();
  static constexpr auto states = [] {
    std::array<std::string_view, average_state + 1> names{};
    std::copy(Optimizer::states.begin(), Optimizer::states.end(), names.begin());
    names[average_state] = "average";
    return names;
  }();
  bool uses_states() const { return true; }

  /// Throws: Error if the decay is not from 0 to 1, or the optimizer's settings make no sense.
  void check() const {
    Optimizer::check();
    if (!(decay >= 0 && decay <= 1))
      throw Error(
          detail::format_text("frostline: Averaged requires a decay from 0 to 1, got {}", decay));
  }

  /// One update of one element.
  struct Update {
    detail::FunctionOf<Optimizer> update;
    float share;  // of the new weights in the average

    template <class Number>
    requires std::invocable < const detail::FunctionOf<Optimizer>
    &, Element<Number, average_state>& >
           FROSTLINE_DEVICE void operator()(Element<Number, average_state + 1>& x) const {
      Element<Number, average_state> inner{x.parameter, x.gradient, {}};
      for (std::size_t k = 0; k < average_state; ++k) inner.states[k] = x.states[k];
      update(inner);
      x.parameter = inner.parameter;
      for (std::size_t k = 0; k < average_state; ++k) x.states[k] = inner.states[k];
      x.states[average_state] += share * (x.parameter - x.states[average_state]);
    }
  };
  Update at(std::int64_t step) const {
    const double kept = std::min(double(decay), 1 - 1 / double(step));
    return {detail::function_at(static_cast<const Optimizer&>(*this), step), float(1 - kept)};
  }
};
template <class Optimizer>
Averaged(Optimizer, float) -> Averaged<Optimizer>;

}  // namespace frostline
