// SPDX-License-Identifier: MIT
// PositionEmbedding: a vector for each place of a sequence, which is learnt.
#pragma once

#include <string_view>

#include "frostline/core/kernel.hpp"
#include "frostline/core/layer.hpp"

namespace frostline {

/// Adds a parameter to each number of a sequence of tokens. A backward assigns the gradients or
/// adds to them. Another number of tokens is a compile error: a position belongs to a size of the
/// images.
/// Shapes: {Channels, 1, Tokens} to the same; pos_embedding 1 x Tokens x Channels.
/// Source: `pos_embedding` of torchvision's Encoder (models/vision_transformer.py)
template <int Channels, int Tokens>
struct PositionEmbedding : Layer {
  static_assert(Channels > 0 && Tokens > 0,
                "frostline: PositionEmbedding requires positive numbers of channels and tokens");

  static constexpr bool accepts(Shape in) { return in == Shape{Channels, 1, Tokens}; }
  static constexpr Shape output(Shape in) { return in; }
  static constexpr TensorSpecs parameters() {
    return {{TensorSpec{"pos_embedding", 3, {1, Tokens, Channels, 1}, {Initial::normal, 4e-4f}}},
            1};
  }
};

namespace detail {

/// The position embedding of a class token and n x n patches. Loading resizes that of a file for
/// another number of patches (checkpoint/resize_positions.hpp).
/// Shapes: as PositionEmbedding.
template <int Channels, int Tokens>
struct PatchPositions : PositionEmbedding<Channels, Tokens> {
  static constexpr TensorSpecs parameters() { return parameters_named("pos_embedding"); }
  static constexpr TensorSpecs parameters_named(std::string_view name) {
    TensorSpec embeddings = PositionEmbedding<Channels, Tokens>::parameters()[0];
    embeddings.name = name;
    embeddings.positions = true;
    return {{embeddings}, 1};
  }
};

}  // namespace detail

template <class Backend, int Channels, int Tokens>
struct Kernel<Backend, detail::PatchPositions<Channels, Tokens>>
    : Kernel<Backend, PositionEmbedding<Channels, Tokens>> {};

}  // namespace frostline
