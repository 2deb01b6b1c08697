// SPDX-License-Identifier: MIT
// AdamW: Adam with a weight decay of its own.
#pragma once

#include <array>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/optimizers/optimizer.hpp"

namespace frostline::detail {

/// Throws: Error unless an optimizer of this name can have these settings.
inline void check_adam(std::string_view name, float learning_rate, float weight_decay,
                       const double (&betas)[2], float epsilon) {
  for (const float setting : {learning_rate, weight_decay})
    if (!(setting >= 0 && std::isfinite(setting)))
      throw Error(
          format_text("frostline: {} requires a learning rate and a weight decay that are finite "
                      "and at least 0, got {} and {}",
                      name, learning_rate, weight_decay));
  for (const double beta : betas)
    if (!(beta >= 0 && beta < 1))
      throw Error(
          format_text("frostline: {} requires betas of at least 0 and below 1, got {} and {}", name,
                      betas[0], betas[1]));
  if (!(epsilon > 0 && std::isfinite(epsilon)))
    throw Error(format_text("frostline: {} requires an epsilon that is finite and above 0, got {}",
                            name, epsilon));
}

}  // namespace frostline::detail

namespace frostline {

/// p *= 1 - learning_rate * weight_decay; m = beta1 * m + (1 - beta1) * g; v = beta2 * v +
/// (1 - beta2) * g * g; p -= learning_rate * m' / (sqrt(v') + epsilon), where m' = m /
/// (1 - beta1^step) and v' = v / (1 - beta2^step), for step = 1, 2, ...
/// Source: https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html (without amsgrad)
struct AdamW {
  float learning_rate = 1e-3f;
  double betas[2]{0.9, 0.999};  // doubles, since 1 - beta would be inexact in float
  float epsilon = 1e-8f;
  float weight_decay = 1e-2f;

  static constexpr std::array<std::string_view, 2> states{"exp_avg", "exp_avg_sq"};

  /// Throws: Error if a setting is not finite or PyTorch refuses it; also if epsilon is 0, with
  /// which a parameter whose gradients were all 0 would become NaN.
  void check() const { detail::check_adam("AdamW", learning_rate, weight_decay, betas, epsilon); }

  /// One update of one element; PyTorch's operations in its order.
  struct Update {
    float decay;                       // 1 - learning_rate * weight_decay
    float kept_mean, new_mean;         // beta1, 1 - beta1
    float kept_square, new_square;     // beta2, 1 - beta2
    float step_size;                   // learning_rate / (1 - beta1^step)
    float square_correction, epsilon;  // sqrt(1 - beta2^step)

    template <class Number>
    FROSTLINE_DEVICE void operator()(Element<Number, 2>& x) const {
      auto& [mean, square] = x.states;
      mean = kept_mean * mean + new_mean * x.gradient;
      square = kept_square * square + new_square * x.gradient * x.gradient;
      const Number root = Functions<Number>::square_root(square) / square_correction + epsilon;
      x.parameter = decay * x.parameter - step_size * (mean / root);
    }
  };
  Update at(std::int64_t step) const {
    const double mean_correction = 1 - std::pow(betas[0], double(step));
    const double square_correction = 1 - std::pow(betas[1], double(step));
    return {.decay = float(1 - double(learning_rate) * double(weight_decay)),
            .kept_mean = float(betas[0]),
            .new_mean = float(1 - betas[0]),
            .kept_square = float(betas[1]),
            .new_square = float(1 - betas[1]),
            .step_size = float(double(learning_rate) / mean_correction),
            .square_correction = float(std::sqrt(square_correction)),
            .epsilon = epsilon};
  }
};

}  // namespace frostline
