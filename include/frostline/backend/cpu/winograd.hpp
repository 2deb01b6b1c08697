// SPDX-License-Identifier: MIT
// Winograd's convolution of 3x3 taps, stride 1 and padding 1 over blocked values.
#pragma once

#include <algorithm>

#include "frostline/backend/cpu/blocked.hpp"
#include "frostline/backend/cpu/toom_cook.hpp"
#include "frostline/backend/cpu/weights.hpp"
#include "frostline/core/kernel.hpp"

namespace frostline {

/// Outputs of one axis in tiles of `tile`. Where that does not divide and tiles are `shortened`,
/// the last ones have one output less: they need one product less (infinity's).
struct TileAxis {
  int size, tile;
  bool shortened;
  constexpr int count() const { return divide_up(size, tile); }
  constexpr int whole() const {
    return shortened ? std::max(0, size - count() * (tile - 1)) : count();
  }
  constexpr int first(int i) const { return i * tile - std::max(0, i - whole()); }
  constexpr int outputs(int i) const { return std::min(tile - int(i >= whole()), size - first(i)); }
};

/// A 3x3 convolution by F(tile x tile, 3 x 3): what of it does not depend on the batch.
struct WinogradShape {
  BlockedMap in, out;
  int tile;

  static constexpr int most_tiles = 48;  // of a block of tiles
  /// Units: bytes. What a thread's own block of tiles may fill of its L2 cache, and the threads'
  /// common block of their L3 cache.
  static constexpr int own_cache = lanes == 16 ? 768 * 1024 : 384 * 1024;
  static constexpr int common_cache = 8 * 1024 * 1024;

  constexpr int points() const { return tile + 2; }
  constexpr int products() const { return points() * points(); }
  constexpr TileAxis vertical() const { return {out.shape.height, tile, has_infinity(tile, 3)}; }
  constexpr TileAxis horizontal() const { return {out.shape.width, tile, has_infinity(tile, 3)}; }
  constexpr int tiles() const { return vertical().count() * horizontal().count(); }
  /// Output blocks are computed two at a time.
  constexpr int pairs() const { return divide_up(out.blocks(), 2); }

  /// Bytes that a tile fills: transformed inputs, and products of some pairs.
  constexpr int tile_bytes(int of_pairs) const {
    return 4 * lanes * products() * (in.blocks() + 2 * of_pairs);
  }
  constexpr int own_tiles() const { return std::min(own_cache / tile_bytes(1), 4 * tile_pixels); }
  /// Depth first: each thread has its own tiles, and finishes one pair of output blocks before the
  /// next. Otherwise the threads transform inputs together and each multiplies for its own outputs,
  /// so that weights are read once a block.
  constexpr bool depth_first() const { return own_tiles() >= 2 * tile_pixels; }
  constexpr int block_tiles() const {
    const int fit = depth_first() ? own_tiles() : common_cache / tile_bytes(pairs());
    return std::clamp(fit / tile_pixels * tile_pixels, tile_pixels, most_tiles);
  }

  /// Units: floats, here and below. Weights of a product for a pair of output blocks.
  constexpr std::ptrdiff_t panel_floats() const {
    return std::ptrdiff_t(in.blocks()) * lanes * 2 * lanes;
  }
  /// In the order in which they are read. From product to product it is an odd number of cache
  /// lines, or packing would meet itself in the cache.
  constexpr std::ptrdiff_t panel(int product, int pair) const {
    return depth_first() ? (pair * products() + product) * (panel_floats() + 16)
                         : product * (pairs() * panel_floats() + 16) + pair * panel_floats();
  }
  constexpr std::ptrdiff_t packed_floats() const {
    return products() * pairs() * (panel_floats() + 16);
  }
  constexpr std::ptrdiff_t thread_scratch_floats() const;
  constexpr std::ptrdiff_t shared_scratch_floats() const;
};

/// How a block of tiles lies in scratch: transformed inputs (product, block of channels, tile,
/// lane), then products (block of channels, product, tile, lane). Between products an odd number of
/// vectors, as an even one makes them meet in the cache.
struct WinogradScratch {
  int products, inputs, tiles;
  constexpr std::ptrdiff_t input() const { return tiles * lanes; }  // to the next block
  constexpr std::ptrdiff_t input_product() const { return (inputs * tiles | 1) * lanes; }
  constexpr std::ptrdiff_t output_product() const { return (tiles | 1) * lanes; }
  constexpr std::ptrdiff_t output() const { return products * output_product(); }
  constexpr std::ptrdiff_t inputs_floats() const { return products * input_product(); }
};
constexpr std::ptrdiff_t WinogradShape::thread_scratch_floats() const {
  const WinogradScratch scratch{products(), in.blocks(), block_tiles()};
  return depth_first() ? scratch.inputs_floats() + 2 * scratch.output() : 0;
}
constexpr std::ptrdiff_t WinogradShape::shared_scratch_floats() const {
  const WinogradScratch scratch{products(), in.blocks(), block_tiles()};
  return depth_first() ? 0 : scratch.inputs_floats() + 2 * pairs() * scratch.output();
}

/// Offsets of a tile's first input and output, and how many rows and columns of them exist.
struct WinogradTile {
  std::ptrdiff_t in, out;
  int rows_in, columns_in, rows, columns;
};

/// Some tiles of a batch, ordered so that those that need a product lie side by side: first the
/// high narrow ones, then the high wide, the low wide and the low narrow ones.
struct TileBlock {
  static constexpr int capacity = 112;
  int count = 0;
  int high_end = 0, wide_begin = 0, wide_end = 0;
  WinogradTile tiles[capacity];
};

FROSTLINE_SHARED void list_tiles(const WinogradShape& shape, int begin, int end, TileBlock& block) {
  const TileAxis vertical = shape.vertical(), horizontal = shape.horizontal();
  const int down = vertical.count(), across = horizontal.count();
  const int whole_down = vertical.whole(), whole_across = horizontal.whole();
  block.count = 0;
  for (int kind = 0; kind < 4; ++kind) {
    if (kind == 1) block.wide_begin = block.count;
    if (kind == 2) block.high_end = block.count;
    if (kind == 3) block.wide_end = block.count;
    int column = begin % across - 1, row = begin / across % down, n = begin / across / down;
    for (int t = begin; t < end; ++t) {
      if (++column == across) column = 0, ++row;
      if (row == down) row = 0, ++n;
      const bool high = row < whole_down, wide = column < whole_across;
      if (kind != (high ? int(wide) : 3 - int(wide))) continue;
      const int y = vertical.first(row), x = horizontal.first(column);
      block.tiles[block.count++] = {n * shape.in.sample() + shape.in.at(0, y - 1, x - 1),
                                    n * shape.out.sample() + shape.out.at(0, y, x),
                                    std::min(shape.points(), shape.in.rows() - y),
                                    std::min(shape.points(), shape.in.columns() - x),
                                    vertical.outputs(row),
                                    horizontal.outputs(column)};
    }
  }
}

/// Fetches the pixels of a tile that comes soon: its rows are too short to be foreseen.
template <int Size, bool Write = false>
FROSTLINE_INLINE void fetch_tile(const float* pixels, std::ptrdiff_t row) {
  constexpr int line = 16;
  for (int y = 0; y < Size; ++y, pixels += row)
    for (int i = 0; i < Size * lanes; i += line) __builtin_prefetch(pixels + i, int(Write));
}

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

/// The weights of a pair of output blocks for one input: [tap][output].
FROSTLINE_INLINE void gather_weights(const WeightView& weights, int pair, int c, float* taps) {
  const int k = 2 * pair * lanes;
  if (k + 2 * lanes > weights.outputs || c >= weights.inputs) {
    for (int i = 0; i < 2 * lanes; ++i)
      for (int t = 0; t < 9; ++t) taps[t * 2 * lanes + i] = weights.at(k + i, c, t / 3, t % 3);
    return;
  }
  const float* from = weights.data + k * weights.output + c * weights.input;
  for (int i = 0; i < 2 * lanes; ++i, from += weights.output) {
    const float scale = weights.scale ? weights.scale[k + i] : 1.0f;
    for (int t = 0; t < 9; ++t)
      taps[t * 2 * lanes + i] = scale * from[t / 3 * weights.row + t % 3 * weights.column];
  }
}

/// Packs G g G^T as winograd_multiply reads it. Shared by the team. Number is double where weights
/// are packed once, float where they are packed in every step of training.
template <int M, class Number = double>
FROSTLINE_SHARED void winograd_pack(const Team& team, const WinogradShape& shape,
                                    const WeightView& weights, float* packed) {
  using Transform = ToomCook<M, 3>;
  constexpr int points = Transform::points, width = 4 * lanes / int(sizeof(Number));
  typedef Number Numbers __attribute__((vector_size(4 * lanes)));
  typedef float Floats __attribute__((vector_size(4 * width), may_alias));
  const int inputs = shape.in.blocks() * lanes;
  for_each_task(team, std::ptrdiff_t(shape.pairs()) * inputs, [&](int task) {
    const int pair = task / inputs, c = task % inputs;
    alignas(64) float taps[9 * 2 * lanes];
    gather_weights(weights, pair, c, taps);
    for (int k = 0; k < 2 * lanes; k += width) {
      Numbers g[3][3], u[points][points];
      for (int t = 0; t < 9; ++t)
        g[t / 3][t % 3] = __builtin_convertvector(
            *reinterpret_cast<const Floats*>(taps + t * 2 * lanes + k), Numbers);
      Transform::kernel_tile(g, u);
      for (int product = 0; product < points * points; ++product)
        *reinterpret_cast<Floats*>(packed + shape.panel(product, pair) + c * 2 * lanes + k) =
            __builtin_convertvector(u[product / points][product % points], Floats);
    }
  });
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
