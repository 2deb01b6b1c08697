// SPDX-License-Identifier: MIT
// Hardsigmoid: a line from 0 to 1, and constant outside.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// min(max(x + 3, 0), 6) / 6, element by element. The gradient is 1/6 where -3 < x < 3, else 0 (of
/// NaN too). A backward assigns the input's gradient or adds to it. Shapes: {C, H, W} to the same.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.Hardsigmoid.html
struct Hardsigmoid : Layer {
  static constexpr Shape output(Shape in) { return in; }
  static constexpr Reads input_gradient_reads(Statistics) { return {.input = true}; }
};

}  // namespace frostline
