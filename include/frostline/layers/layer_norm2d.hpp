// SPDX-License-Identifier: MIT
// LayerNorm2d: normalisation over the channels of each pixel.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// What a norm adds to a variance, as a template argument: `LayerNorm2d<96, Epsilon{1e-6f}>`.
struct Epsilon {
  float value = 1e-5f;
};

/// Layer normalisation over the channels of each pixel, by their mean and biased variance, with a
/// weight and a bias for each channel. It computes the same in training and in evaluation. A pixel
/// whose squares overflow a float gives NaN, on the CPU also one whose sum does, as in PyTorch.
/// To give BatchNorm2d another epsilon, see NormConstants.
/// A backward assigns the input's and the parameters' gradients or adds to them.
/// Shapes: {Channels, H, W} to the same; weight Channels, bias Channels.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html (Ba et al. 2016);
/// torchvision's LayerNorm2d (models/convnext.py)
template <int Channels, Epsilon Added = Epsilon{}>
struct LayerNorm2d : Layer {
  static_assert(Channels > 0, "frostline: LayerNorm2d requires a positive number of channels");
  static_assert(Added.value > 0 && Added.value < 1e30f,
                "frostline: LayerNorm2d requires an epsilon above 0 that is finite");

  static constexpr bool accepts(Shape in) { return in.channels == Channels; }
  static constexpr Shape output(Shape in) { return in; }
  static constexpr TensorSpecs parameters() {
    return {{vector_spec("weight", Channels, {Initial::constant, 1}),
             vector_spec("bias", Channels, {Initial::constant, 0})},
            2};
  }
  static constexpr Reads input_gradient_reads(Statistics) { return {.input = true, .saved = true}; }
  static constexpr Reads parameter_gradient_reads(int parameter, Statistics) {
    if (parameter > 0) return {};  // the bias': sums of the output's gradient
    return {.input = true, .saved = true};
  }
  /// The mean and 1 / sqrt(variance + epsilon) of each pixel.
  static constexpr Saved saved(Shape in) { return {.per_sample = 2 * in.pixels() * sizeof(float)}; }
};

}  // namespace frostline
