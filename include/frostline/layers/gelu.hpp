// SPDX-License-Identifier: MIT
// GELU: x times the normal distribution's probability of less than x.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// x * (1 + erf(x / sqrt(2))) / 2, element by element: PyTorch's default, not its approximation by
/// tanh. A backward assigns the input's gradient or adds to it. Shapes: {C, H, W} to the same.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.GELU.html (Hendrycks and Gimpel 2016)
struct GELU : Layer {
  static constexpr Shape output(Shape in) { return in; }
  static constexpr Reads input_gradient_reads(Statistics) { return {.input = true}; }
};

}  // namespace frostline
