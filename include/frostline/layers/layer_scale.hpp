// SPDX-License-Identifier: MIT
// LayerScale: a factor for each channel, which is learnt.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// Multiplies each channel by a parameter, which begins at 1e-6, so that a residual block first
/// passes its input on. A backward assigns the gradients or adds to them.
/// Shapes: {Channels, H, W} to the same; layer_scale Channels x 1 x 1.
/// Source: Touvron et al. 2021, https://arxiv.org/abs/2103.17239; `layer_scale` of torchvision's
/// CNBlock (models/convnext.py)
template <int Channels>
struct LayerScale : Layer {
  static_assert(Channels > 0, "frostline: LayerScale requires a positive number of channels");

  static constexpr bool accepts(Shape in) { return in.channels == Channels; }
  static constexpr Shape output(Shape in) { return in; }
  static constexpr TensorSpecs parameters() {
    return {{TensorSpec{"layer_scale", 3, {Channels, 1, 1, 1}, {Initial::constant, 1e-6f}}}, 1};
  }
  static constexpr Reads parameter_gradient_reads(int, Statistics) { return {.input = true}; }
};

}  // namespace frostline
