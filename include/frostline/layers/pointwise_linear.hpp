// SPDX-License-Identifier: MIT
// PointwiseLinear: a fully connected layer at each pixel.
#pragma once

#include "frostline/core/kernel.hpp"
#include "frostline/layers/conv2d.hpp"
#include "frostline/layers/linear.hpp"

namespace frostline {

/// Linear over the channels of each pixel: what PyTorch's Linear computes of an image whose
/// channels are its last dimension, and what Conv2d<In, Out, 1> computes. Its kernels are those of
/// that convolution; its tensors have Linear's shapes and initial values. A backward assigns the
/// gradients or adds to them. Shapes: {In, H, W} to {Out, H, W}; weight Out x In, bias Out.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.Linear.html; torchvision's CNBlock
/// (models/convnext.py)
template <int In, int Out>
struct PointwiseLinear : Conv2d<In, Out, 1> {
  static constexpr TensorSpecs parameters() { return Linear<In, Out>::parameters(); }
  static constexpr TensorSpecs parameters_for(int outputs) {
    return Linear<In, Out>::parameters_for(outputs);
  }
};

/// Computed as a convolution of 1x1.
template <class Backend, int In, int Out>
struct Kernel<Backend, PointwiseLinear<In, Out>> : Kernel<Backend, Conv2d<In, Out, 1>> {};

}  // namespace frostline
