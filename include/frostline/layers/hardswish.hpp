// SPDX-License-Identifier: MIT
// Hardswish: x times its Hardsigmoid.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// x * min(max(x + 3, 0), 6) / 6, element by element. The gradient is 0 below -3, 1 from 3 on, and
/// x / 3 + 1/2 between them (also at -3, where PyTorch since 2.7 has 0). A backward assigns the
/// input's gradient or adds to it. Shapes: {C, H, W} to the same. Source:
/// https://pytorch.org/docs/stable/generated/torch.nn.Hardswish.html
struct Hardswish : Layer {
  static constexpr Shape output(Shape in) { return in; }
  static constexpr Reads input_gradient_reads(Statistics) { return {.input = true}; }
};

}  // namespace frostline
