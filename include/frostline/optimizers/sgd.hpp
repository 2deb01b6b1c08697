// SPDX-License-Identifier: MIT
// Sgd: stochastic gradient descent with momentum.
#pragma once

#include <array>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/optimizers/optimizer.hpp"

namespace frostline {

/// g += weight_decay * p; b = momentum * b + g; p -= learning_rate * (nesterov ? g + momentum * b
/// : b). The first step sets b to g. Terms whose factor is 0 are left out, so that they do not turn
/// infinities into NaN; with a momentum of 0, b is neither read nor written.
/// Source: https://pytorch.org/docs/stable/generated/torch.optim.SGD.html
struct Sgd {
  float learning_rate = 1e-3f;
  float momentum = 0;
  float weight_decay = 0;
  bool nesterov = false;

  static constexpr std::array<std::string_view, 1> states{"momentum_buffer"};
  bool uses_states() const { return momentum != 0; }

  /// Throws: Error if a setting is not finite or PyTorch refuses it.
  void check() const {
    for (const float setting : {learning_rate, momentum, weight_decay})
      if (!(setting >= 0 && std::isfinite(setting)))
        throw Error(detail::format_text(
            "frostline: Sgd requires a learning rate, a momentum and a weight decay that are "
            "finite and at least 0, got {}, {} and {}",
            learning_rate, momentum, weight_decay));
    if (nesterov && momentum == 0)
      throw Error("frostline: Sgd requires a momentum above 0 for Nesterov's");
  }

  template <class Number>
  FROSTLINE_DEVICE void operator()(Element<Number, 1>& x) const {
    Number step = x.gradient;
    if (weight_decay != 0) step = x.gradient + weight_decay * x.parameter;
    if (momentum != 0) {
      const Number gradient = step;
      x.states[0] = momentum * x.states[0] + gradient;
      step = x.states[0];
      if (nesterov) step = gradient + momentum * x.states[0];
    }
    x.parameter -= learning_rate * step;
  }
};

}  // namespace frostline
