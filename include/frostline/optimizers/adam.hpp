// SPDX-License-Identifier: MIT
// Adam, whose weight decay is a part of the gradient.
#pragma once

#include <array>

#include "frostline/optimizers/adamw.hpp"
#include "frostline/optimizers/optimizer.hpp"

namespace frostline {

/// g += weight_decay * p, unless the factor is 0; then AdamW's update without its decay.
/// Source: https://pytorch.org/docs/stable/generated/torch.optim.Adam.html (without amsgrad)
struct Adam {
  float learning_rate = 1e-3f;
  double betas[2]{0.9, 0.999};
  float epsilon = 1e-8f;
  float weight_decay = 0;

  static constexpr std::array<std::string_view, 2> states = AdamW::states;

  /// Throws: Error as AdamW.
  void check() const { detail::check_adam("Adam", learning_rate, weight_decay, betas, epsilon); }

  /// One update of one element; PyTorch's operations in its order.
  struct Update {
    float weight_decay;
    AdamW::Update rest;

    template <class Number>
    FROSTLINE_DEVICE void operator()(Element<Number, 2>& x) const {
      if (weight_decay != 0) x.gradient = x.gradient + weight_decay * x.parameter;
      rest(x);
    }
  };
  Update at(std::int64_t step) const {
    const AdamW undecayed{learning_rate, {betas[0], betas[1]}, epsilon, 0};
    return {weight_decay, undecayed.at(step)};
  }
};

}  // namespace frostline
