// SPDX-License-Identifier: MIT
// Sigmoid: the logistic function.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// 1 / (1 + exp(-x)), element by element. A backward assigns the input's gradient or adds to it.
/// Shapes: {C, H, W} to the same.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html
struct Sigmoid : Layer {
  static constexpr Shape output(Shape in) { return in; }
  static constexpr Reads input_gradient_reads(Statistics) { return {.output = true}; }
};

}  // namespace frostline
