// SPDX-License-Identifier: MIT
// FirstToken: the first token of a sequence, which stands for the whole image.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// The first pixel of each channel: torchvision's `x[:, 0]`. A backward assigns the input's
/// gradient or adds to it. Shapes: {C, 1, Tokens} to {C, 1, 1}. Source: VisionTransformer.forward
/// of torchvision's models/vision_transformer.py
struct FirstToken : Layer {
  static constexpr bool accepts(Shape in) { return in.height == 1; }
  static constexpr Shape output(Shape in) { return {in.channels, 1, 1}; }
};

}  // namespace frostline
