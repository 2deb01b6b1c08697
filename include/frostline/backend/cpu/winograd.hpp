// SPDX-License-Identifier: MIT
// Winograd's convolution of 3x3 taps, stride 1 and padding 1 over blocked values.
#pragma once

#include "frostline/backend/cpu/weights.hpp"
#include "frostline/backend/cpu/winograd_tiles.hpp"

namespace frostline {

/// Transforms one block of channels of all tiles; step: floats from one product to the next.
template <int M>
FROSTLINE_SHARED void winograd_input(const WinogradShape& shape, const TileBlock& tiles,
                                     const float* in, std::ptrdiff_t step, float* v) {
  using Transform = ToomCook<M, 3>;
  constexpr int points = Transform::points;
  alignas(64) float padded[points * points * lanes];
  for (int t = 0; t < tiles.count; ++t, v += lanes) {
    const WinogradTile& tile = tiles.tiles[t];
    const float* d = in + tile.in;
    if (t + 2 < tiles.count) fetch_tile<points>(in + tiles.tiles[t + 2].in, shape.in.row());
    std::ptrdiff_t row = shape.in.row();
    if (tile.rows_in < points || tile.columns_in < points) {  // the tile ends beyond the map
      std::fill_n(padded, points * points * lanes, 0.0f);
      for (int y = 0; y < tile.rows_in; ++y)
        std::copy_n(d + y * row, tile.columns_in * lanes, padded + y * points * lanes);
      d = padded;
      row = points * lanes;
    }
    Transform::input_tile(d, row, lanes, v, step);
  }
}

/// Transforms one block of channels of all tiles back, and stores the outputs that exist.
template <int M>
FROSTLINE_SHARED void winograd_output(const WinogradShape& shape, const TileBlock& tiles,
                                      int channels, const float* m, std::ptrdiff_t step,
                                      const Epilogue& epilogue, float* out) {
  const Vector shift =
      epilogue.shift ? load_unaligned(epilogue.shift + channels * lanes) : Vector{};
  for (int t = 0; t < tiles.count; ++t, m += lanes) {
    const WinogradTile& tile = tiles.tiles[t];
    const std::ptrdiff_t first = tile.out + channels * shape.out.block();
    if (t + 2 < tiles.count) {
      const std::ptrdiff_t soon = tiles.tiles[t + 2].out + channels * shape.out.block();
      fetch_tile<M, true>(out + soon, shape.out.row());
      if (epilogue.added) fetch_tile<M>(epilogue.added + soon, shape.out.row());
    }
    ToomCook<M, 3>::output_tile(
        m, step, tile.rows, [&](int y, Vector* sums) __attribute__((always_inline)) {
          const std::ptrdiff_t at = first + y * shape.out.row();
          float* to = out + at;
          FROSTLINE_UNROLL
          for (int x = 0; x < M; ++x) sums[x] += shift;
          if (epilogue.added) {  // beyond the tile's end, too: a border follows
            FROSTLINE_UNROLL
            for (int x = 0; x < M; ++x) sums[x] += load(epilogue.added + at + x * lanes);
          }
          if (epilogue.relu) {
            FROSTLINE_UNROLL
            for (int x = 0; x < M; ++x) sums[x] = relu(sums[x]);
          }
          FROSTLINE_UNROLL
          for (int x = 0; x < M; ++x)
            if (x < tile.columns) store(to + x * lanes, sums[x]);
        });
  }
}

/// One product of some tiles with a pair of output blocks, summed over all inputs, and what to
/// fetch meanwhile. Units of steps: floats.
struct WinogradProduct {
  int inputs;  // blocks
  std::ptrdiff_t v_block, m_block;
  const float *v, *weights, *ahead;
  int ahead_step;
  float* m;

  /// The next `count` register tiles of Pixels tiles.
  template <int Pixels>
  FROSTLINE_INLINE void register_tiles(int count) {
    for (; count > 0; --count, v += Pixels * lanes, m += Pixels * lanes) {
      Tile<Pixels, 2> tile;
      tile.zero();
      const float *x = v, *w = weights;
      for (int b = 0; b < inputs; ++b, x += v_block) {
        FROSTLINE_UNROLL_4
        for (int i = 0; i < lanes; ++i, w += 2 * lanes, ahead += ahead_step) {
          __builtin_prefetch(ahead, 0, 2);
          if (lanes == 16) __builtin_prefetch(ahead + 16, 0, 2);
          tile.template multiply_add<lanes>(x + i, w);
        }
      }
      FROSTLINE_UNROLL
      for (int p = 0; p < Pixels; ++p) {
        store(m + p * lanes, tile.sums[p][0]);
        store(m + p * lanes + m_block, tile.sums[p][1]);
      }
    }
  }
  template <int Pixels = tile_pixels>
  FROSTLINE_INLINE void register_tiles_of(int pixels, int count) {
    if constexpr (Pixels > 0) {  // more than tile_pixels: count is 0
      if (pixels == Pixels)
        register_tiles<Pixels>(count);
      else
        register_tiles_of<Pixels - 1>(pixels, count);
    }
  }
};
/// Register tiles of about equal size.
FROSTLINE_SHARED void multiply_tiles(WinogradProduct product, int tiles) {
  const int groups = divide_up(tiles, tile_pixels), larger = tiles % groups;
  product.ahead_step = 2 * lanes / groups;
  product.register_tiles_of(tiles / groups + 1, larger);
  product.register_tiles_of(tiles / groups, groups - larger);
}

/// All products of a block of tiles for output pairs [first, last), the first of which lies at m.
FROSTLINE_SHARED void winograd_multiply(const WinogradShape& shape, const TileBlock& tiles,
                                        const WinogradScratch& scratch, const float* v,
                                        const float* packed, int first, int last, float* m) {
  const int points = shape.points();
  for (int product = 0; product < shape.products(); ++product) {
    const bool high = product / points == points - 1, wide = product % points == points - 1;
    const int begin = wide ? tiles.wide_begin : 0;
    const int end = high ? tiles.high_end : wide ? tiles.wide_end : tiles.count;
    if (begin >= end) continue;
    for (int pair = first; pair < last; ++pair) {
      const int next = pair + 1 < last ? pair + 1 : first;
      multiply_tiles({.inputs = shape.in.blocks(),
                      .v_block = scratch.input(),
                      .m_block = scratch.output(),
                      .v = v + product * scratch.input_product() + begin * lanes,
                      .weights = packed + shape.panel(product, pair),
                      .ahead = packed + shape.panel(product + int(next <= pair), next),
                      .ahead_step = 0,
                      .m = m + (pair - first) * 2 * scratch.output() +
                           product * scratch.output_product() + begin * lanes},
                     end - begin);
    }
  }
}

/// The transforms of F(M x M, 3 x 3) as functions: the loops around them are compiled once for all
/// M.
struct WinogradTransforms {
  void (*input)(const WinogradShape&, const TileBlock&, const float* in, std::ptrdiff_t step,
                float* v);
  void (*output)(const WinogradShape&, const TileBlock&, int channels, const float* m,
                 std::ptrdiff_t step, const Epilogue&, float* out);
};

FROSTLINE_SHARED void winograd_run(const Team& team, const WinogradShape& shape,
                                   const WinogradTransforms& transforms, int batch, const float* in,
                                   const float* packed, const Epilogue& epilogue, float* out,
                                   float* shared_scratch, float* thread_scratch) {
  const int tiles = batch * shape.tiles(), pairs = shape.pairs();
  const bool depth_first = shape.depth_first();
  int blocks = divide_up(tiles, shape.block_tiles());
  if (depth_first) blocks = std::min(tiles, divide_up(blocks, team.threads) * team.threads);
  const WinogradScratch scratch{shape.products(), shape.in.blocks(), divide_up(tiles, blocks)};
  float* v = depth_first ? thread_scratch : shared_scratch;
  float* m = v + scratch.inputs_floats();
  const Team alone{};
  const Team& sharing = depth_first ? alone : team;  // a block of tiles
  const int begin = depth_first ? int(team.first(blocks)) : 0;
  const int end = depth_first ? int(team.last(blocks)) : blocks;

  const auto finish = [&](const TileBlock& block, int pair, const float* products) {
    for (int k = 2 * pair; k < std::min(2 * pair + 2, shape.out.blocks()); ++k)
      transforms.output(shape, block, k, products + (k % 2) * scratch.output(),
                        scratch.output_product(), epilogue, out);
  };
  TileBlock block;
  for (int b = begin; b < end; ++b) {
    list_tiles(shape, int(std::ptrdiff_t(tiles) * b / blocks),
               int(std::ptrdiff_t(tiles) * (b + 1) / blocks), block);
    if (b > begin) sharing.sync();  // before the scratch is overwritten
    for_each_task(sharing, shape.in.blocks(), [&](int channels) {
      transforms.input(shape, block, in + channels * shape.in.block(), scratch.input_product(),
                       v + channels * scratch.input());
    });
    sharing.sync();
    if (depth_first) {
      for (int pair = 0; pair < pairs; ++pair) {
        winograd_multiply(shape, block, scratch, v, packed, pair, pair + 1, m);
        finish(block, pair, m);
      }
    } else {
      const int first = int(team.first(pairs)), last = int(team.last(pairs));
      float* own = m + 2 * first * scratch.output();
      winograd_multiply(shape, block, scratch, v, packed, first, last, own);
      for (int pair = first; pair < last; ++pair)
        finish(block, pair, own + 2 * (pair - first) * scratch.output());
    }
  }
}

/// y = conv(in) + shift (+ added) (then ReLU) of a batch, shared by the team. Assigns the output's
/// pixels, not its border; `out` may be what the epilogue adds.
/// Shapes: packed of shape.packed_floats(), shared_scratch of shape.shared_scratch_floats(), a
/// thread_scratch of shape.thread_scratch_floats() for each thread.
/// Source: Lavin & Gray 2015, "Fast Algorithms for Convolutional Neural Networks".
template <int M>
void winograd_forward(const Team& team, const WinogradShape& shape, int batch, const float* in,
                      const float* packed, const Epilogue& epilogue, float* out,
                      float* shared_scratch, float* thread_scratch) {
  winograd_run(team, shape, {winograd_input<M>, winograd_output<M>}, batch, in, packed, epilogue,
               out, shared_scratch, thread_scratch);
}

}  // namespace frostline
