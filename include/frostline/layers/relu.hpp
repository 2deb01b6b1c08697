// SPDX-License-Identifier: MIT
// ReLU: the positive part.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// max(x, 0), element by element. Shapes: {C, H, W} to the same.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.ReLU.html
struct ReLU : Layer {
  static constexpr detail::Kind kind = detail::Kind::relu;
  static constexpr Shape output(Shape in) { return in; }
  static constexpr Reads input_gradient_reads(Statistics) { return {.output = true}; }
};

}  // namespace frostline
