// SPDX-License-Identifier: MIT
// Lion: the sign of a momentum, with a weight decay of its own.
#pragma once

#include <array>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/optimizers/optimizer.hpp"

namespace frostline {

/// p *= 1 - learning_rate * weight_decay; p -= learning_rate * sign(beta1 * m + (1 - beta1) * g);
/// m = beta2 * m + (1 - beta2) * g. The sign of 0 is 0, and
/// that of NaN is NaN, so that the next step is refused (PyTorch's is 0, and hides a momentum that
/// is lost). The paper advises a learning rate of a third to a tenth of AdamW's, and a weight decay
/// larger by as much.
/// Source: Chen et al. 2023, https://arxiv.org/abs/2302.06675
struct Lion {
  float learning_rate = 1e-4f;
  double betas[2]{0.9, 0.99};  // doubles, since 1 - beta would be inexact in float
  float weight_decay = 0;

  static constexpr std::array<std::string_view, 1> states{"exp_avg"};

  /// Throws: Error if a setting is not finite or out of its range.
  void check() const {
    for (const float setting : {learning_rate, weight_decay})
      if (!(setting >= 0 && std::isfinite(setting)))
        throw Error(detail::format_text(
            "frostline: Lion requires a learning rate and a weight decay that are finite and at "
            "least 0, got {} and {}",
            learning_rate, weight_decay));
    for (const double beta : betas)
      if (!(beta >= 0 && beta < 1))
        throw Error(detail::format_text(
            "frostline: Lion requires betas of at least 0 and below 1, got {} and {}", betas[0],
            betas[1]));
  }

  /// One update of one element.
  struct Update {
    float learning_rate;
    float decay;                  // 1 - learning_rate * weight_decay
    float kept_ahead, new_ahead;  // beta1, 1 - beta1: for the sign
    float kept_mean, new_mean;    // beta2, 1 - beta2: for the state

    template <class Number>
    FROSTLINE_DEVICE void operator()(Element<Number, 1>& x) const {
      Number& mean = x.states[0];
      const Number ahead = kept_ahead * mean + new_ahead * x.gradient;
      const Number zero{}, rate = learning_rate - zero;
      const Number sign = ahead == ahead ? zero : ahead;  // of what is neither above nor below 0
      const Number step = ahead > zero ? rate : (ahead < zero ? -rate : sign);
      x.parameter = decay * x.parameter - step;
      mean = kept_mean * mean + new_mean * x.gradient;
    }
  };
  Update at(std::int64_t) const {
    return {.learning_rate = learning_rate,
            .decay = float(1 - double(learning_rate) * double(weight_decay)),
            .kept_ahead = float(betas[0]),
            .new_ahead = float(1 - betas[0]),
            .kept_mean = float(betas[1]),
            .new_mean = float(1 - betas[1])};
  }
};

}  // namespace frostline
