// SPDX-License-Identifier: MIT
// MultiheadAttention, of a sequence with itself.
#pragma once

#include "frostline/core/model.hpp"
#include "frostline/layers/in_projection.hpp"
#include "frostline/layers/pointwise_linear.hpp"
#include "frostline/layers/scaled_dot_product_attention.hpp"

namespace frostline {

/// PyTorch's nn.MultiheadAttention of a sequence of tokens as query, key and value, with its keys:
/// `in_proj_weight`, `in_proj_bias`, `out_proj.weight` and `out_proj.bias`.
/// Shapes: {Channels, 1, Tokens} to the same.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html
template <int Channels, int Heads>
struct MultiheadAttention {
  static_assert(Heads > 0 && Channels % Heads == 0,
                "frostline: MultiheadAttention requires Heads that divide Channels");
  using model = Module<detail::InProjection<Channels>, ScaledDotProductAttention<Heads>,
                       Named<"out_proj", PointwiseLinear<Channels, Channels>>>;
};

}  // namespace frostline
