// SPDX-License-Identifier: MIT
// Flatten: an image as a row of features.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// Shapes: {C, H, W} to {C * H * W, 1, 1}, in that order.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.Flatten.html
struct Flatten : Layer {
  static constexpr Shape output(Shape in) { return {int(in.size()), 1, 1}; }
};

}  // namespace frostline
