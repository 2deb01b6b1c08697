// SPDX-License-Identifier: MIT
// MaxPool2d: the largest value of each window.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// Padding counts as minus infinity; of equal values, the first gets the gradient.
/// Shapes: {C, H, W} to {C, H', W'}.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
template <int Kernel, int Stride = Kernel, int Padding = 0>
struct MaxPool2d : Layer {
  static_assert(Kernel > 0 && Kernel <= 16 && Stride > 0,
                "frostline: MaxPool2d requires a window of 1 to 16 and a positive stride");
  static_assert(Padding >= 0,
                "frostline: MaxPool2d requires a Padding of 0 or more; same_padding is for Conv2d");
  static_assert(2 * Padding <= Kernel,
                "frostline: MaxPool2d requires a padding of at most half its window");

  static constexpr detail::Kind kind = Kernel == 3 && Stride == 2 && Padding == 1
                                           ? detail::Kind::max_pool_3_2_1
                                           : detail::Kind::other;

  static constexpr bool accepts(Shape in) {
    return in.height + 2 * Padding >= Kernel && in.width + 2 * Padding >= Kernel;
  }
  static constexpr Shape output(Shape in) {
    return {in.channels, (in.height + 2 * Padding - Kernel) / Stride + 1,
            (in.width + 2 * Padding - Kernel) / Stride + 1};
  }
  static constexpr Reads input_gradient_reads(Statistics) { return {.saved = true}; }
  /// The place of each output in its window: one byte per output.
  static constexpr Saved saved(Shape in) { return {.per_sample = output(in).size()}; }
};

}  // namespace frostline
