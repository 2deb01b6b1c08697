// SPDX-License-Identifier: MIT
// AvgPool2d: the mean of each window.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// The mean of each window; padding counts as zeros (PyTorch's count_include_pad, its default). A
/// backward assigns the input's gradient or adds to it. Shapes: {C, H, W} to {C, H', W'}.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html
template <int Kernel, int Stride = Kernel, int Padding = 0>
struct AvgPool2d : Layer {
  static_assert(Kernel > 0 && Stride > 0,
                "frostline: AvgPool2d requires a positive window and stride");
  static_assert(Padding >= 0,
                "frostline: AvgPool2d requires a Padding of 0 or more; same_padding is for Conv2d");
  static_assert(2 * Padding <= Kernel,
                "frostline: AvgPool2d requires a padding of at most half its window");

  static constexpr bool accepts(Shape in) {
    return in.height + 2 * Padding >= Kernel && in.width + 2 * Padding >= Kernel;
  }
  static constexpr Shape output(Shape in) {
    return {in.channels, (in.height + 2 * Padding - Kernel) / Stride + 1,
            (in.width + 2 * Padding - Kernel) / Stride + 1};
  }
};

}  // namespace frostline
