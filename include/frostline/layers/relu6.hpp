// SPDX-License-Identifier: MIT
// ReLU6: the positive part, at most 6.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// min(max(x, 0), 6), element by element; the gradient passes where 0 < x < 6. NaN passes in both
/// directions, as through ReLU (PyTorch's vectorised loop stops its gradient).
/// Shapes: {C, H, W} to the same.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.ReLU6.html
struct ReLU6 : Layer {
  static constexpr detail::Kind kind = detail::Kind::relu6;
  static constexpr Shape output(Shape in) { return in; }
  static constexpr Reads input_gradient_reads(Statistics) { return {.output = true}; }
};

}  // namespace frostline
