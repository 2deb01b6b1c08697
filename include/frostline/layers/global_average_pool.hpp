// SPDX-License-Identifier: MIT
// GlobalAveragePool: the mean of each channel.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// Shapes: {C, H, W} to {C, 1, 1}.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html, of size 1
struct GlobalAveragePool : Layer {
  static constexpr Shape output(Shape in) { return {in.channels, 1, 1}; }
};

}  // namespace frostline
