// SPDX-License-Identifier: MIT
// RMSprop: gradients over the root of their mean square.
#pragma once

#include <array>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/optimizers/optimizer.hpp"

namespace frostline {

/// g += weight_decay * p; v = alpha * v + (1 - alpha) * g * g; b = momentum * b + g / (sqrt(v) +
/// epsilon); p -= learning_rate * b. A weight decay or momentum of 0 leaves its term out. A
/// momentum_buffer is stored for a momentum of 0, too. torchvision trains MobileNetV3 with alpha
/// 0.9, momentum 0.9 and epsilon 0.0316. Source:
/// https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html (without centered)
struct RMSprop {
  float learning_rate = 1e-2f;
  double alpha = 0.99;  // a double, since 1 - alpha would be inexact in float
  float epsilon = 1e-8f;
  float momentum = 0;
  float weight_decay = 0;

  static constexpr std::array<std::string_view, 2> states{"square_avg", "momentum_buffer"};

  /// Throws: Error if a setting is not finite or PyTorch refuses it; also if alpha is not below 1,
  /// or epsilon is 0, with which a parameter whose gradients were all 0 would become NaN.
  void check() const {
    for (const float setting : {learning_rate, momentum, weight_decay})
      if (!(setting >= 0 && std::isfinite(setting)))
        throw Error(detail::format_text(
            "frostline: RMSprop requires a learning rate, a momentum and a weight decay that are "
            "finite and at least 0, got {}, {} and {}",
            learning_rate, momentum, weight_decay));
    if (!(alpha >= 0 && alpha < 1))
      throw Error(detail::format_text(
          "frostline: RMSprop requires an alpha of at least 0 and below 1, got {}", alpha));
    if (!(epsilon > 0 && std::isfinite(epsilon)))
      throw Error(detail::format_text(
          "frostline: RMSprop requires an epsilon that is finite and above 0, got {}", epsilon));
  }

  /// One update of one element; PyTorch's operations in its order.
  struct Update {
    float learning_rate;
    float kept_square, new_square;  // alpha, 1 - alpha
    float epsilon, momentum, weight_decay;

    template <class Number>
    FROSTLINE_DEVICE void operator()(Element<Number, 2>& x) const {
      auto& [square, buffer] = x.states;
      Number gradient = x.gradient;
      if (weight_decay != 0) gradient = gradient + weight_decay * x.parameter;
      square = kept_square * square + new_square * gradient * gradient;
      Number step = gradient / (Functions<Number>::square_root(square) + epsilon);
      if (momentum != 0) {
        buffer = momentum * buffer + step;
        step = buffer;
      }
      x.parameter = x.parameter - learning_rate * step;
    }
  };
  Update at(std::int64_t) const {
    return {learning_rate, float(alpha), float(1 - alpha), epsilon, momentum, weight_decay};
  }
};

}  // namespace frostline
