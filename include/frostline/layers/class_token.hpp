// SPDX-License-Identifier: MIT
// ClassToken: pixels as a sequence of tokens, after a token that is learnt.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// A sequence of tokens is an image of one row: its pixels are tokens, and their channels the
/// tokens' numbers. The first token is a parameter, the others are the input's pixels, row by row.
/// A backward assigns the gradients or adds to them.
/// Shapes: {Channels, H, W} to {Channels, 1, 1 + H * W}; class_token 1 x 1 x Channels.
/// Source: `class_token` of torchvision's VisionTransformer (models/vision_transformer.py);
/// Dosovitskiy et al. 2021, https://arxiv.org/abs/2010.11929
template <int Channels>
struct ClassToken : Layer {
  static_assert(Channels > 0, "frostline: ClassToken requires a positive number of channels");

  static constexpr bool accepts(Shape in) { return in.channels == Channels; }
  static constexpr Shape output(Shape in) { return {Channels, 1, 1 + int(in.pixels())}; }
  static constexpr TensorSpecs parameters() {
    return {{TensorSpec{"class_token", 3, {1, 1, Channels, 1}, {Initial::constant, 0}}}, 1};
  }
};

}  // namespace frostline
