// SPDX-License-Identifier: MIT
// ScaledDotProductAttention: each token's mean of all tokens' values, weighted by similarity.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// softmax(q k^T / sqrt(depth)) v for each head and image. The input's channels are those of the
/// queries q, then of the keys k, then of the values v; each third is divided among the heads, and
/// `depth` is a head's part of it. A backward computes the softmax again, so the forward saves
/// nothing but its input, and assigns the input's gradient or adds to it.
/// Shapes: {3 * C, 1, Tokens} to {C, 1, Tokens}.
/// Source:
/// https://pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html
/// (Vaswani et al. 2017)
template <int Heads>
struct ScaledDotProductAttention : Layer {
  static_assert(Heads > 0,
                "frostline: ScaledDotProductAttention requires a positive number of heads");

  static constexpr bool accepts(Shape in) {
    return in.height == 1 && in.channels % (3 * Heads) == 0;
  }
  static constexpr Shape output(Shape in) { return {in.channels / 3, in.height, in.width}; }
  static constexpr Reads input_gradient_reads(Statistics) { return {.input = true}; }
  static constexpr std::int64_t multiply_adds(Shape in) {
    return 2 * std::int64_t(output(in).size()) * in.width;
  }
};

}  // namespace frostline
