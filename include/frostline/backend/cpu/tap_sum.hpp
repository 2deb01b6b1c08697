// SPDX-License-Identifier: MIT
// TapSum: direct convolution as register tiles of outputs, summed over taps and input channels.
#pragma once

#include <algorithm>

#include "frostline/backend/cpu/blocked.hpp"
#include "frostline/backend/cpu/weights.hpp"
#include "frostline/core/kernel.hpp"

namespace frostline {

/// One value of a kernel's window, and the input it meets: floats from an output's first input.
struct Tap {
  int y = 0, x = 0;
  std::ptrdiff_t offset = 0;
};

/// A convolution as a sum over taps. Inputs come in groups of channels that lie side by side
/// (blocks), or one by one (the planes of an image). Outputs are blocked. Forward, and backward to
/// the input, of any stride are such sums. Units of strides: floats.
struct TapSum {
  static constexpr int most_taps = 49;
  Tap taps[most_taps]{};
  int tap_count = 0;

  int groups = 0;                                       // of input channels
  std::ptrdiff_t group = 0, in_row = 0, in_sample = 0;  // in_row: from one output row to the next
  std::ptrdiff_t in_first = 0;                          // of output (0, 0)

  int blocks = 0, height = 0, width = 0;  // of outputs
  std::ptrdiff_t out_block = 0, out_row = 0, out_pixel = 0, out_sample = 0, out_first = 0;

  constexpr void add_tap(int y, int x, std::ptrdiff_t offset) {
    taps[tap_count++] = {y, x, offset};
  }
  /// Output blocks are computed two at a time.
  constexpr int pairs() const { return divide_up(blocks, 2); }
  /// Weights of one output block for `inner` channels a group.
  constexpr std::ptrdiff_t block_weights(int inner) const {
    return std::ptrdiff_t(groups) * tap_count * inner * lanes;
  }
  constexpr std::ptrdiff_t packed_floats(int inner) const { return blocks * block_weights(inner); }
};

/// Packs weights as tap_sum reads them: [pair][group][tap][channel of group][output of pair].
FROSTLINE_SHARED void pack_taps(const Team& team, const TapSum& sum, int inner,
                                const WeightView& weights, float* packed) {
  for_each_task(team, std::ptrdiff_t(sum.pairs()) * sum.groups, [&](int task) {
    const int pair = task / sum.groups, group = task % sum.groups;
    const int width = std::min(2, sum.blocks - 2 * pair) * lanes;
    float* to = packed + 2 * pair * sum.block_weights(inner) +
                std::ptrdiff_t(group) * sum.tap_count * inner * width;
    for (int t = 0; t < sum.tap_count; ++t)
      for (int i = 0; i < inner; ++i)
        for (int k = 0; k < width; ++k)
          *to++ = weights.at(2 * pair * lanes + k, group * inner + i, sum.taps[t].y, sum.taps[t].x);
  });
}

/// Pixels x Vectors outputs side by side. Step: floats from one output's input to the next one's.
template <int Pixels, int Vectors, int Step, int Inner>
[[gnu::noinline]] void tap_tile(const TapSum& sum, const float* in, const float* weights,
                                const Epilogue& epilogue, int block, std::ptrdiff_t at,
                                float* out) {
  Tile<Pixels, Vectors> tile;
  if (epilogue.shift)
    tile.start(epilogue.shift + block * lanes);
  else
    tile.zero();
  for (int g = 0; g < sum.groups; ++g, in += sum.group)
    for (int t = 0; t < sum.tap_count; ++t) {
      const float* x = opaque(in + sum.taps[t].offset);
      FROSTLINE_UNROLL_2
      for (int i = 0; i < Inner; ++i, weights += Vectors * lanes)
        tile.template multiply_add<Step>(x + i, weights);
    }
  FROSTLINE_UNROLL
  for (int p = 0; p < Pixels; ++p) FROSTLINE_UNROLL
  for (int v = 0; v < Vectors; ++v) {
    const std::ptrdiff_t place = at + p * sum.out_pixel + v * sum.out_block;
    store(out + place, epilogue.apply(tile.sums[p][v], place));
  }
}

/// A tile of a width known at run time only.
template <int Vectors, int Step, int Inner, int Pixels = tile_pixels>
FROSTLINE_INLINE void tap_tile_of(int pixels, const TapSum& sum, const float* in,
                                  const float* weights, const Epilogue& epilogue, int block,
                                  std::ptrdiff_t at, float* out) {
  if constexpr (Pixels > 0) {
    if (pixels == Pixels)
      tap_tile<Pixels, Vectors, Step, Inner>(sum, in, weights, epilogue, block, at, out);
    else
      tap_tile_of<Vectors, Step, Inner, Pixels - 1>(pixels, sum, in, weights, epilogue, block, at,
                                                    out);
  }
}

/// One row of outputs of one pair of blocks, in tiles of about equal width. Odd: the last pair has
/// one block only.
template <int Step, int Inner, bool Odd>
FROSTLINE_INLINE void tap_row(const TapSum& sum, const float* in, const float* packed,
                              const Epilogue& epilogue, int pair, std::ptrdiff_t at, float* out) {
  const float* weights = packed + 2 * pair * sum.block_weights(Inner);
  const int tiles = divide_up(sum.width, tile_pixels);
  for (int tile = 0; tile < tiles; ++tile) {
    const int x = sum.width * tile / tiles, pixels = sum.width * (tile + 1) / tiles - x;
    const std::ptrdiff_t place = at + x * sum.out_pixel;
    const float* from = in + x * Step;
    if constexpr (Odd)
      if (2 * pair + 1 == sum.blocks) {
        tap_tile_of<1, Step, Inner>(pixels, sum, from, weights, epilogue, 2 * pair, place, out);
        continue;
      }
    tap_tile_of<2, Step, Inner>(pixels, sum, from, weights, epilogue, 2 * pair, place, out);
  }
}

/// The order of the parts of a sum: rows or tiles of some images, then pairs of output blocks, then
/// the next images. Weights that the cache holds are read anew for each row; others once for as
/// many images as the cache holds.
struct PartOrder {
  int parts, parts_of_chunk, pairs;
  bool pairs_first;

  static constexpr int cache = 1536 * 1024;  // bytes of inputs and of weights that are soon reread

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

/// Where the pixels of a tile lie that runs on over the ends of rows.
struct ScatteredPixels {
  std::ptrdiff_t in[tile_pixels], out[tile_pixels];
};

/// A whole tile of one pair (or one) of blocks, of which `pixels` are stored. Narrow images are
/// computed so: their rows would leave half of the registers empty.
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

/// tap_sum for images so narrow that tiles had better run on from row to row.
template <int Step, bool Odd>
FROSTLINE_SHARED void scattered_tap_sum(const Team& team, const TapSum& sum, int batch,
                                        const float* in, const float* packed,
                                        const Epilogue& epilogue, float* out) {
  const int image = sum.height * sum.width, all = batch * image;
  PartOrder order(sum, batch, divide_up(image, tile_pixels));
  order.parts = divide_up(all, tile_pixels);
  for_each_task(team, order.tasks(), [&](int task) {
    const auto [part, pair] = order[task];
    const int first = part * tile_pixels;
    ScatteredPixels at;
    for (int p = 0; p < tile_pixels; ++p) {
      const int pixel = std::min(first + p, all - 1);
      const int n = pixel / image, y = pixel % image / sum.width, x = pixel % sum.width;
      at.in[p] = n * sum.in_sample + sum.in_first + y * sum.in_row + x * Step;
      at.out[p] = n * sum.out_sample + sum.out_first + y * sum.out_row + x * sum.out_pixel;
    }
    const float* weights = packed + 2 * pair * sum.block_weights(lanes);
    const int pixels = std::min(tile_pixels, all - first);
    if constexpr (Odd)
      if (2 * pair + 1 == sum.blocks)
        return scattered_tile<1>(sum, at, pixels, in, weights, epilogue, 2 * pair, out);
    scattered_tile<2>(sum, at, pixels, in, weights, epilogue, 2 * pair, out);
  });
}

/// The sum of a batch over blocked inputs, shared by the team. Assigns the outputs' pixels, not
/// their borders.
template <int Step, bool Odd>
FROSTLINE_SHARED void tap_sum(const Team& team, const TapSum& sum, int batch, const float* in,
                              const float* packed, const Epilogue& epilogue, float* out) {
  // With more lanes there are not enough integer registers for a place a pixel.
  if (lanes < 16 && sum.width < 2 * tile_pixels && sum.width % tile_pixels != 0) {
    scattered_tap_sum<Step, Odd>(team, sum, batch, in, packed, epilogue, out);
    return;
  }
  const PartOrder order(sum, batch, sum.height);
  for_each_task(team, order.tasks(), [&](int task) {
    const auto [row, pair] = order[task];
    const int n = row / sum.height, y = row % sum.height;
    tap_row<Step, lanes, Odd>(
        sum, in + n * sum.in_sample + sum.in_first + y * sum.in_row, packed, epilogue, pair,
        n * sum.out_sample + sum.out_first + 2 * pair * sum.out_block + y * sum.out_row, out);
  });
}

}  // namespace frostline
