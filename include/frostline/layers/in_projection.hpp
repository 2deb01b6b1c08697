// SPDX-License-Identifier: MIT
// InProjection: the linear layer of nn.MultiheadAttention that gives queries, keys and values.
#pragma once

#include "frostline/layers/pointwise_linear.hpp"

namespace frostline::detail {

/// A PointwiseLinear whose tensors have the names and initial values that they have in
/// nn.MultiheadAttention. Shapes: {Channels, H, W} to {3 * Channels, H, W}; in_proj_weight
/// 3 Channels x Channels, in_proj_bias 3 Channels.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html
template <int Channels>
struct InProjection : PointwiseLinear<Channels, 3 * Channels> {
  static constexpr TensorSpecs parameters() { return parameters_for(3 * Channels); }
  static constexpr TensorSpecs parameters_for(int outputs) {
    const Initial xavier{Initial::uniform, 2.0f / float(Channels + outputs)};
    return {{TensorSpec{"in_proj_weight", 2, {outputs, Channels, 1, 1}, xavier},
             vector_spec("in_proj_bias", outputs, {Initial::constant, 0})},
            2};
  }
};

}  // namespace frostline::detail

namespace frostline {

/// Computed as a convolution of 1x1.
template <class Backend, int Channels>
struct Kernel<Backend, detail::InProjection<Channels>>
    : Kernel<Backend, Conv2d<Channels, 3 * Channels, 1>> {};

}  // namespace frostline
