// SPDX-License-Identifier: MIT
// The gradient of a 3x3 convolution's weights by the transpose of Winograd's algorithm: the sum
// over tiles of outer products of transformed inputs and transformed gradients, transformed back.
#pragma once

#include "frostline/backend/cpu/conv2d_weights.hpp"
#include "frostline/backend/cpu/winograd.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// Transforms one block of channels of the output's gradient of all tiles, as winograd_input does
/// the inputs.
template <int M>
[[gnu::noinline]] void winograd_output_gradient(const WinogradShape& shape, const TileBlock& tiles,
                                                const float* gradient, std::ptrdiff_t step,
                                                float* z) {
  for (int t = 0; t < tiles.count; ++t, z += lanes) {
    const WinogradTile& tile = tiles.tiles[t];
    const float* from = gradient + tile.out;
    std::ptrdiff_t row = shape.out.row();
    alignas(64) float padded[M * M * lanes];
    if (tile.rows < M || tile.columns < M) {  // outputs that the tile does not have are zero
      std::fill_n(padded, M * M * lanes, 0.0f);
      for (int y = 0; y < tile.rows; ++y)
        std::copy_n(from + y * row, tile.columns * lanes, padded + y * M * lanes);
      from = opaque(padded);
      row = M * lanes;
    }
    WinogradTransform<M>::output_gradient_tile(from, row, lanes, z, step);
  }
}

/// Sizes of the weight gradient's scratch, which the team shares. Units: floats.
struct WinogradGradientShape {
  WinogradShape forward;

  /// Products of a block of inputs and a pair of output blocks.
  static constexpr std::ptrdiff_t panel = lanes * 2 * lanes;
  constexpr std::ptrdiff_t product() const { return panel * forward.in.blocks() * forward.pairs(); }
  constexpr int channel_blocks() const { return forward.in.blocks() + 2 * forward.pairs(); }
  /// A block has many tiles, since all sums are read and written once per block.
  constexpr int block_tiles() const {
    const int fit = cache / forward.tile_bytes(forward.pairs());
    return std::clamp(fit, 16, TileBlock::capacity);
  }
  static constexpr int cache = 8 * 1024 * 1024;  // bytes
  /// Transformed values of a product: (block of channels, tile, lane), an odd number of vectors.
  constexpr std::ptrdiff_t values(int tiles) const {
    return (std::ptrdiff_t(channel_blocks()) * tiles | 1) * lanes;
  }
  constexpr std::ptrdiff_t scratch_floats() const {
    return forward.products() * (product() + values(block_tiles()));
  }
};

/// sums[c][k] (+)= sum over tiles of v[tile][c] * z[tile][k], for a block of inputs c and a pair of
/// output blocks k.
FROSTLINE_INLINE void add_outer_products(int tiles, const float* v, const float* z,
                                         std::ptrdiff_t z_block, bool adds, float* sums) {
  constexpr int channels = lanes == 16 ? 8 : 4;
  for (int c = 0; c < lanes; c += channels) {
    Vector tile[channels][2];
    FROSTLINE_UNROLL
    for (int i = 0; i < channels; ++i) FROSTLINE_UNROLL
    for (int k = 0; k < 2; ++k)
      tile[i][k] = adds ? load(sums + ((c + i) * 2 + k) * lanes) : Vector{};
    for (int t = 0; t < tiles; ++t) {
      const Vector z0 = load(z + t * lanes), z1 = load(z + z_block + t * lanes);
      FROSTLINE_UNROLL
      for (int i = 0; i < channels; ++i) {
        const Vector scalar = splat(v[t * lanes + c + i]);
        tile[i][0] += scalar * z0;
        tile[i][1] += scalar * z1;
      }
    }
    FROSTLINE_UNROLL
    for (int i = 0; i < channels; ++i) FROSTLINE_UNROLL
    for (int k = 0; k < 2; ++k) store(sums + ((c + i) * 2 + k) * lanes, tile[i][k]);
  }
}

/// Adds a block of tiles to all products' sums, or assigns them. The work is divided among the
/// team.
void winograd_outer_products(const Team& team, const WinogradGradientShape& shape,
                             const TileBlock& tiles, const float* values, int most_tiles, bool adds,
                             float* sums);

/// Transforms the sums back to weights, (outputs, inputs, 3, 3): assigns or adds.
template <int M>
[[gnu::noinline]] void winograd_store_gradient(const Team& team, const WinogradGradientShape& shape,
                                               const float* sums, bool adds, float* gradient) {
  using Transform = WinogradTransform<M>;
  constexpr int points = Transform::points;
  const int inputs = shape.forward.in.shape.channels, outputs = shape.forward.out.shape.channels;
  const int pairs = shape.forward.pairs();
  for_each_task(team, std::ptrdiff_t(shape.forward.in.blocks()) * pairs, [&](int task) {
    const int input = task / pairs, pair = task % pairs;
    const int last_c = std::min(lanes, inputs - input * lanes);
    for (int c = 0; c < last_c; ++c)
      for (int block = 0; block < 2; ++block) {
        const int last_k = std::min(lanes, outputs - (2 * pair + block) * lanes);
        const float* from = sums + task * shape.panel + (c * 2 + block) * lanes;
        Vector rows[3][points], weights[3][3];
        for (int x = 0; x < points; ++x) {
          Vector column[points], to[3];
          for (int y = 0; y < points; ++y)
            column[y] = load(from + (y * points + x) * shape.product());
          Transform::kernel_transposed(column, to);
          for (int y = 0; y < 3; ++y) rows[y][x] = to[y];
        }
        for (int y = 0; y < 3; ++y) Transform::kernel_transposed(rows[y], weights[y]);
        float* to = gradient +
                    (std::ptrdiff_t((2 * pair + block) * lanes) * inputs + input * lanes + c) * 9;
        for (int k = 0; k < last_k; ++k, to += std::ptrdiff_t(inputs) * 9)
          for (int tap = 0; tap < 9; ++tap) {
            const float weight = weights[tap / 3][tap % 3][k];
            to[tap] = adds ? to[tap] + weight : weight;
          }
      }
  });
}

/// Assigns the gradient of a 3x3 convolution's weights, (outputs, inputs, 3, 3), or adds to it.
/// Shapes: scratch of shape.scratch_floats() for the team.
/// Source: Lavin & Gray 2015, "Fast Algorithms for Convolutional Neural Networks", transposed.
template <int M>
[[gnu::noinline]] void winograd_weight_gradient(const Team& team,
                                                const WinogradGradientShape& shape, int batch,
                                                const float* in, const float* out_gradient,
                                                float* scratch, bool adds, float* gradient) {
  const WinogradShape& forward = shape.forward;
  const int tiles = batch * forward.tiles(), blocks = divide_up(tiles, shape.block_tiles());
  const int inputs = forward.in.blocks(), outputs = forward.out.blocks();
  const int most_tiles = divide_up(tiles, blocks);
  const std::ptrdiff_t channel = std::ptrdiff_t(most_tiles) * lanes;
  const std::ptrdiff_t step = shape.values(most_tiles);
  float* values = scratch + shape.product() * forward.products();
  TileBlock block;
  for (int b = 0; b < blocks; ++b) {
    list_tiles(forward, int(std::ptrdiff_t(tiles) * b / blocks),
               int(std::ptrdiff_t(tiles) * (b + 1) / blocks), block);
    for_each_task(team, shape.channel_blocks(), [&](int i) {
      float* to = values + i * channel;
      if (i < inputs)
        winograd_input<WinogradTransform<M>>(forward, block, in + i * forward.in.block(), step, to);
      else if (i - inputs < outputs)
        winograd_output_gradient<M>(forward, block,
                                    out_gradient + (i - inputs) * forward.out.block(), step, to);
      else  // the last pair has no second block
        for (int product = 0; product < forward.products(); ++product)
          std::fill_n(to + product * step, channel, 0.0f);
    });
    team.sync();
    winograd_outer_products(team, shape, block, values, most_tiles, b > 0, scratch);
    team.sync();
  }
  winograd_store_gradient<M>(team, shape, scratch, adds, gradient);
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_KERNELS_COMPILED
#include "frostline/backend/cpu/winograd_gradient_body.hpp"
#endif
