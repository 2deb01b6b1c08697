// SPDX-License-Identifier: MIT
// SiLU: x times its logistic function.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// x / (1 + exp(-x)), element by element; also called swish. A backward assigns the input's
/// gradient or adds to it. Shapes: {C, H, W} to the same. Source:
/// https://pytorch.org/docs/stable/generated/torch.nn.SiLU.html
struct SiLU : Layer {
  static constexpr Shape output(Shape in) { return in; }
  static constexpr Reads input_gradient_reads(Statistics) { return {.input = true}; }
};

}  // namespace frostline
