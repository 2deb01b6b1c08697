// SPDX-License-Identifier: MIT
// Upsample: bilinear interpolation to a larger (or smaller) image.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// Bilinear, align_corners=false. Without arguments, the output has the size of the network's
/// input. Shapes: {C, H, W} to {C, Height, Width}. Source:
/// https://pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
template <int Height = 0, int Width = Height>
struct Upsample : Layer {
  static_assert(Height >= 0 && Width >= 0 && (Height == 0) == (Width == 0),
                "frostline: Upsample requires a positive height and width, or neither");

  static constexpr bool takes_bound = true;
  static constexpr Shape output(Shape in, Shape network_input) {
    return Height ? Shape{in.channels, Height, Width}
                  : Shape{in.channels, network_input.height, network_input.width};
  }
};

}  // namespace frostline
