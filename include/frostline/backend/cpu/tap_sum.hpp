// SPDX-License-Identifier: MIT
// TapSum: direct convolution as register tiles of outputs, summed over taps and input channels.
#pragma once

#include <algorithm>

#include "frostline/backend/cpu/blocked.hpp"
#include "frostline/backend/cpu/weights.hpp"
#include "frostline/core/kernel.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// A tap of a convolution's window; `offset` is the distance in floats of its input from the
/// output's first input.
struct Tap {
  int y = 0, x = 0;
  std::ptrdiff_t offset = 0;
};

/// A convolution as a sum over taps. Inputs are groups of adjacent channels (blocks), or single
/// channels (the planes of an image). Outputs are blocked. The forward and the input gradient of
/// any stride are such sums. Units of strides: floats.
struct TapSum {
  static constexpr int most_taps = 49;
  Tap taps[most_taps]{};
  int tap_count = 0;

  int groups = 0;                                       // of input channels
  int last_inner = 0;                                   // channels of the last group that exist
  int before = 0, after = 0;                            // groups that other sums add
  std::ptrdiff_t group = 0, in_row = 0, in_sample = 0;  // in_row: from one output row to the next
  std::ptrdiff_t in_first = 0;                          // the first input of output (0, 0)

  int channels = 0, blocks = 0, height = 0, width = 0;  // of the outputs
  std::ptrdiff_t out_block = 0, out_row = 0, out_pixel = 0, out_sample = 0, out_first = 0;

  constexpr void add_tap(int y, int x, std::ptrdiff_t offset) {
    taps[tap_count++] = {y, x, offset};
  }
  /// Output blocks are computed two at a time.
  constexpr int pairs() const { return divide_up(blocks, 2); }
  /// The number of weights of an output block, for `inner` channels per group.
  constexpr std::ptrdiff_t block_weights(int inner) const {
    return std::ptrdiff_t(before + groups + after) * tap_count * inner * lanes;
  }
  constexpr std::ptrdiff_t packed_floats(int inner) const { return blocks * block_weights(inner); }
  /// Where the packed weights of a pair of output blocks begin, for `inner` channels per group.
  constexpr std::ptrdiff_t weights_at(int pair, int inner) const {
    const int vectors = std::min(2, blocks - 2 * pair);
    return 2 * pair * block_weights(inner) +
           std::ptrdiff_t(before) * tap_count * inner * vectors * lanes;
  }
  /// The part of the sum over the groups from `first` to `last`, of `inner` channels each.
  constexpr TapSum part(int first, int last, int inner) const {
    TapSum sum = *this;
    if (last < groups) sum.last_inner = inner;
    sum.before = first;
    sum.after = groups - last;
    sum.groups = last - first;
    sum.in_first += first * group;
    return sum;
  }
  /// The number of channels from an output block on.
  constexpr int channels_from(int block) const { return channels - block * lanes; }
};

/// Packs weights as tap_sum reads them: [pair][group][tap][channel of group][output of pair].
void pack_taps(const Team& team, const TapSum& sum, int inner, const WeightView& weights,
               float* packed);

/// The most pixels of a tile of direct convolutions: with AVX-512 as many as the registers hold
/// (g++ broadcasts from memory), since many maps have rows of 7 or 14 pixels or of a multiple.
inline constexpr int row_pixels = lanes == 16 ? 14 : tile_pixels;

/// Computes Pixels adjacent outputs of Rows adjacent rows, for Vectors blocks. Step: floats from
/// one output's input to the next one's.
template <int Pixels, int Rows, int Vectors, int Step, int Inner>
[[gnu::noinline]] void tap_tile(const TapSum& sum, const float* in, const float* weights,
                                const Epilogue& epilogue, int block, std::ptrdiff_t at,
                                float* out) {
  constexpr int ahead = 16 * Vectors * lanes;      // floats by which weights are prefetched
  constexpr int at_once = Inner % 2 == 0 ? 2 : 1;  // channels; those of a block that do not exist
                                                   // are zero
  Tile<Rows * Pixels, Vectors> tile;
  if (epilogue.shift)
    tile.start(epilogue.shift + block * lanes);
  else
    tile.zero();
  for (int g = 0; g < sum.groups; ++g, in += sum.group) {
    const int inner = g + 1 < sum.groups ? Inner : sum.last_inner;
    for (int t = 0; t < sum.tap_count;
         ++t, weights += (Inner - inner) / at_once * at_once * Vectors * lanes) {
      const float* x = opaque(in + sum.taps[t].offset);
      const float* next = x + sum.group;  // of a 1x1 window
      FROSTLINE_NO_UNROLL
      for (int i = 0; i < inner; i += at_once, x += at_once) FROSTLINE_UNROLL
      for (int k = 0; k < at_once; ++k, weights += Vectors * lanes) {
        if constexpr (Inner == lanes) {
          FROSTLINE_UNROLL
          for (int v = 0; v < Vectors * lanes; v += 16) __builtin_prefetch(weights + ahead + v);
          FROSTLINE_UNROLL
          for (int row = 0; row < Rows; ++row)
            __builtin_prefetch(next + (i + k) * Step + (row ? sum.in_row : 0));
        }
        tile.multiply_add(
            x + k, weights, [&](int p) __attribute__((always_inline)) {
              return p / Pixels * (Rows > 1 ? sum.in_row : 0) + p % Pixels * Step;
            });
      }
    }
  }
  if (const int last = sum.channels_from(block + Vectors - 1); last < lanes) tile.keep_lanes(last);
  epilogue.store_tile(
      tile,
      [&](int p, int v) __attribute__((always_inline)) {
        return at + p / Pixels * (Rows > 1 ? sum.out_row : 0) + p % Pixels * sum.out_pixel +
               v * sum.out_block;
      },
      out);
}

/// The places of the pixels of a tile that continues over the ends of rows.
struct ScatteredPixels {
  std::ptrdiff_t in[tile_pixels], out[tile_pixels];
};

/// A whole tile of one or two blocks, of which `pixels` are stored. It is used for narrow images,
/// whose rows would leave half of the registers empty.
template <int Vectors>
[[gnu::noinline]] void scattered_tile(const TapSum& sum, const ScatteredPixels& at, int pixels,
                                      const float* in, const float* weights,
                                      const Epilogue& epilogue, int block, float* out) {
  Tile<tile_pixels, Vectors> tile;
  if (epilogue.shift)
    tile.start(epilogue.shift + block * lanes);
  else
    tile.zero();
  std::ptrdiff_t offsets[tile_pixels];
  FROSTLINE_UNROLL
  for (int p = 0; p < tile_pixels; ++p) offsets[p] = at.in[p];
  for (int g = 0; g < sum.groups; ++g, in += sum.group)
    for (int t = 0; t < sum.tap_count; ++t) {
      const float* x = in + sum.taps[t].offset;
      FROSTLINE_UNROLL_2
      for (int i = 0; i < lanes; ++i, weights += Vectors * lanes)
        tile.multiply_add(
            x + i, weights, [&](int p) __attribute__((always_inline)) { return offsets[p]; });
    }
  if (const int last = sum.channels_from(block + Vectors - 1); last < lanes) tile.keep_lanes(last);
  FROSTLINE_UNROLL
  for (int p = 0; p < tile_pixels; ++p) {
    if (p >= pixels) break;
    FROSTLINE_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      const std::ptrdiff_t place = at.out[p] + (block + v) * sum.out_block;
      store(out + place, epilogue.apply(tile.sums[p][v], place));
    }
  }
}

/// The tiles for rows of one width as functions, so that tiles for other widths are not compiled
/// and the loops around them are compiled only once.
struct TapTiles {
  using Tile = void (*)(const TapSum&, const float* in, const float* weights, const Epilogue&,
                        int block, std::ptrdiff_t at, float* out);
  using Scattered = void (*)(const TapSum&, const ScatteredPixels&, int pixels, const float* in,
                             const float* weights, const Epilogue&, int block, float* out);
  int step, inner, count, narrow;  // count: tiles of a row, of `narrow` pixels or one more
  Tile tile[2][2] = {};            // one or two blocks; narrow or one wider
  Tile two_rows[2] = {};           // one or two blocks; null: a tile is of one row
  Scattered scattered[2] = {};     // null: tiles end with their row

  constexpr bool runs_on() const { return scattered[1]; }
  constexpr int rows() const { return two_rows[1] ? 2 : 1; }
};

/// The tiles, of about equal width, for rows of Width outputs; Odd: the number of output blocks is
/// odd.
template <int Width, int Step, int Inner, bool Odd>
constexpr TapTiles tap_tiles() {
  constexpr int count = divide_up(Width, row_pixels), narrow = Width / count;
  constexpr int wider = narrow + int(Width % count != 0);
  TapTiles tiles{.step = Step, .inner = Inner, .count = count, .narrow = narrow};
  // With more lanes there are not enough integer registers for an offset per pixel.
  if constexpr (Inner == lanes && lanes < 16 && Width < 2 * tile_pixels &&
                Width % tile_pixels != 0) {
    if constexpr (Odd) tiles.scattered[0] = scattered_tile<1>;
    tiles.scattered[1] = scattered_tile<2>;
  } else {
    if constexpr (Odd) {
      tiles.tile[0][0] = tap_tile<narrow, 1, 1, Step, Inner>;
      tiles.tile[0][1] = tap_tile<wider, 1, 1, Step, Inner>;
    }
    tiles.tile[1][0] = tap_tile<narrow, 1, 2, Step, Inner>;
    tiles.tile[1][1] = tap_tile<wider, 1, 2, Step, Inner>;
    if constexpr (Inner == lanes && 2 * Width <= row_pixels) {  // reads the weights half as often
      if constexpr (Odd) tiles.two_rows[0] = tap_tile<Width, 2, 1, Step, Inner>;
      tiles.two_rows[1] = tap_tile<Width, 2, 2, Step, Inner>;
    }
  }
  return tiles;
}

/// One row of outputs of one pair of blocks; the last pair may have only one block.
FROSTLINE_INLINE void tap_row(const TapSum& sum, const TapTiles& tiles, const float* in,
                              const float* packed, const Epilogue& epilogue, int pair,
                              std::ptrdiff_t at, float* out) {
  const float* weights = packed + sum.weights_at(pair, tiles.inner);
  const TapTiles::Tile* const compute = tiles.tile[2 * pair + 1 < sum.blocks];
  for (int tile = 0; tile < tiles.count; ++tile) {
    const int x = sum.width * tile / tiles.count;
    const int pixels = sum.width * (tile + 1) / tiles.count - x;
    compute[pixels - tiles.narrow](sum, in + x * tiles.step, weights, epilogue, 2 * pair,
                                   at + x * sum.out_pixel, out);
  }
}

/// The order of the parts of a sum: rows or tiles of some images, then pairs of output blocks, then
/// the next images. Weights that fit in the cache are read again for each row; others once for as
/// many images as fit.
struct PartOrder {
  int parts, parts_of_chunk, pairs;
  bool pairs_first;

  static constexpr int cache = 1536 * 1024;  // bytes for inputs and weights that are read again

  PartOrder(const TapSum& sum, int batch, int parts_of_image)
      : parts(batch * parts_of_image), parts_of_chunk(parts), pairs(sum.pairs()) {
    pairs_first = sum.packed_floats(lanes) * 4 <= 256 * 1024;
    const auto images = std::ptrdiff_t(cache) / (sum.in_sample * 4);
    parts_of_chunk =
        int(std::min(std::max(images, std::ptrdiff_t(1)) * parts_of_image, std::ptrdiff_t(parts)));
  }
  constexpr std::ptrdiff_t tasks() const { return std::ptrdiff_t(parts) * pairs; }
  struct Task {
    int part, pair;
  };
  constexpr Task operator[](int task) const {
    if (pairs_first) return {task / pairs, task % pairs};
    const int chunk = task / (parts_of_chunk * pairs), first = chunk * parts_of_chunk;
    const int count = std::min(parts_of_chunk, parts - first), rest = task - first * pairs;
    return {first + rest % count, rest / count};
  }
};

/// tap_sum for narrow images, in which tiles continue from row to row.
void scattered_tap_sum(const Team& team, const TapSum& sum, const TapTiles& tiles, int batch,
                       const float* in, const float* packed, const Epilogue& epilogue, float* out);

/// The sum of a batch over blocked inputs; the work is divided among the team. `tiles` must be
/// those for the sum's width. Assigns the outputs' pixels, not their borders.
void tap_sum(const Team& team, const TapSum& sum, const TapTiles& tiles, int batch, const float* in,
             const float* packed, const Epilogue& epilogue, float* out);

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_KERNELS_COMPILED
#include "frostline/backend/cpu/tap_sum_body.hpp"
#endif
