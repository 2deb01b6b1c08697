// SPDX-License-Identifier: MIT
// Dropout: sets random values to zero in training.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// A probability as a template argument: a float in a struct, since clang 14 takes no bare float.
struct Probability {
  float value;
};

/// In training, each value is set to zero with this probability, else multiplied by
/// 1 / (1 - probability). In evaluation, and if frozen (without BatchStatistics), values do not
/// change. Shapes: {C, H, W} to the same.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html
template <Probability Drop = Probability{0.5f}>
struct Dropout : Layer {
  static_assert(Drop.value >= 0 && Drop.value < 1,
                "frostline: Dropout requires a probability of at least 0 and below 1");

  static constexpr detail::Kind kind = detail::Kind::dropout;
  static constexpr bool varies_in_training = true;
  static constexpr float probability = Drop.value;
  static constexpr Shape output(Shape in) { return in; }
};

}  // namespace frostline
