// SPDX-License-Identifier: MIT
// The stem of a ResNet in one pass: 7x7 convolution of stride 2, shift, ReLU and max pooling.
#pragma once

#include <algorithm>

#include "frostline/backend/cpu/blocked.hpp"
#include "frostline/backend/cpu/both_axes.hpp"
#include "frostline/backend/cpu/multiply_tiles.hpp"
#include "frostline/backend/cpu/toom_cook.hpp"
#include "frostline/backend/cpu/weights.hpp"
#include "frostline/core/kernel.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// The convolution (7x7, stride 2, padding 3) becomes one of 4x4 and stride 1 over a quarter of the
/// pixels and four times the channels ("space to depth": those of 2x2 pixels). F(4 x 4, 4 x 4)
/// computes one row of tiles at a time. Pooling is 3x3, stride 2, padding 1. As in
/// winograd_forward, an input that is not finite makes all outputs of its tile NaN.
/// Source: Lavin & Gray 2015, "Fast Algorithms for Convolutional Neural Networks".
struct StemShape {
  Shape image;  // at most 4 channels
  BlockedMap out;

  using Transform = BothAxes<ToomCook<4, 4>>;
  static constexpr int points = Transform::points, products = points * points;
  static constexpr int pixel = 16;  // floats of a pixel with four times the channels

  constexpr int depth() const { return 4 * image.channels; }
  /// Rows and columns of the convolution's output, and its tiles.
  constexpr int rows() const { return (image.height + 1) / 2; }
  constexpr int columns() const { return (image.width + 1) / 2; }
  constexpr int tile_rows() const { return divide_up(rows(), 4); }
  constexpr int tiles() const { return divide_up(columns(), 4); }  // per row
  constexpr int pairs() const { return divide_up(out.blocks(), 2); }

  /// The output's shape.
  static constexpr Shape pooled(int outputs, Shape image) {
    return {outputs, ((image.height + 1) / 2 + 1) / 2, ((image.width + 1) / 2 + 1) / 2};
  }

  /// Units of all that follows: floats. The parts of scratch are the pixels of a row of tiles, the
  /// transformed pixels, the products of a pair of output blocks, and each block's outputs: the
  /// last row of the tiles above and four rows.
  constexpr std::ptrdiff_t pixel_row() const { return std::ptrdiff_t(4 * tiles() + 3) * pixel; }
  constexpr std::ptrdiff_t input() const { return std::ptrdiff_t(tiles()) * lanes; }  // a block
  constexpr std::ptrdiff_t input_product() const {
    return std::ptrdiff_t(divide_up(depth(), lanes) * tiles() | 1) * lanes;
  }
  constexpr std::ptrdiff_t output_product() const { return std::ptrdiff_t(tiles() | 1) * lanes; }
  constexpr std::ptrdiff_t output_row() const { return std::ptrdiff_t(4 * tiles()) * lanes; }
  constexpr std::ptrdiff_t thread_scratch_floats() const {
    return points * pixel_row() + products * (input_product() + 2 * output_product()) +
           2 * pairs() * 5 * output_row();
  }
  constexpr std::ptrdiff_t packed_floats() const {
    return std::ptrdiff_t(pairs()) * products * depth() * 2 * lanes;
  }
};

/// Row y of the pixels: rows 2 y - 3 and 2 y - 2 of the image, zero outside of it.
FROSTLINE_COMPILED_ONCE void stem_pixels(const StemShape& shape, const float* image, int y,
                                         float* to) {
  const auto [channels, height, width] = shape.image;
  const int count = 4 * shape.tiles() + 3;
  for (int part = 0; part < 4; ++part) {  // of the 2x2 pixels
    const int row = 2 * y + part / 2 - 3, shift = part % 2 - 3;
    const bool inside = row >= 0 && row < height;
    const int first = inside ? (1 - shift) / 2 : count;  // 2 x + shift is in the image
    const int last = inside ? std::min(count, divide_up(width - shift, 2)) : count;
    for (int c = 0; c < channels; ++c) {
      float* pixels = to + part * channels + c;
      const float* from = image + (std::ptrdiff_t(c) * height + row) * width + shift;
      for (int x = 0; x < first; ++x) pixels[x * StemShape::pixel] = 0;
      for (int x = first; x < last; ++x) pixels[x * StemShape::pixel] = from[2 * x];
      for (int x = last; x < count; ++x) pixels[x * StemShape::pixel] = 0;
    }
  }
}

FROSTLINE_COMPILED_ONCE void stem_input(const StemShape& shape, const float* pixels, float* v) {
  for (int t = 0; t < shape.tiles(); ++t)
    for (int i = 0; i < shape.depth(); i += lanes)
      StemShape::Transform::input_tile(pixels + 4 * t * StemShape::pixel + i, shape.pixel_row(),
                                       StemShape::pixel, v + i / lanes * shape.input() + t * lanes,
                                       shape.input_product());
}

/// All products of a row of tiles for a pair of output blocks.
FROSTLINE_COMPILED_ONCE void stem_multiply(const StemShape& shape, const float* v,
                                           const float* weights, float* m) {
  for (int product = 0; product < StemShape::products; ++product) {
    const float* next = weights + shape.depth() * 2 * lanes;
    multiply_tiles({.channels = shape.depth(),
                    .v_block = shape.input(),
                    .m_block = StemShape::products * shape.output_product(),
                    .v = v,
                    .weights = weights,
                    .ahead = next,
                    .m = m},
                   shape.tiles());
    v += shape.input_product();
    m += shape.output_product();
    weights = next;
  }
}

/// Four rows of outputs of one block. Rows that the convolution does not have are zero, which does
/// not change a maximum of numbers that are not negative.
FROSTLINE_COMPILED_ONCE void stem_output(const StemShape& shape, const float* m, Vector shift,
                                         int height, float* to) {
  for (int t = 0; t < shape.tiles(); ++t, m += lanes) {
    const int width = shape.columns() - 4 * t;
    StemShape::Transform::output_tile(
        m, shape.output_product(), 4, [&](int y, Vector* sums) __attribute__((always_inline)) {
          FROSTLINE_UNROLL
          for (int x = 0; x < 4; ++x)
            store(to + y * shape.output_row() + (4 * t + x) * lanes,
                  x < width && y < height ? magnitude(relu(sums[x] + shift)) : Vector{});
        });
  }
}

/// One row of the pooled map from three rows of outputs of one block with `exist` channels.
FROSTLINE_COMPILED_ONCE void stem_pool(const StemShape& shape, const float* from, int channels,
                                       float* to) {
  const float *above = from, *row = above + shape.output_row(), *below = row + shape.output_row();
  const auto column = [&](int x) {
    const std::ptrdiff_t at = x * lanes;
    return larger(larger(load(above + at), load(row + at)), load(below + at));
  };
  Vector left{};
  for (int x = 0; x < shape.out.shape.width; ++x) {
    const Vector right = column(2 * x + 1);
    const Vector most = larger(larger(left, column(2 * x)), right);
    store(to + x * lanes, channels < lanes ? first_lanes(most, channels) : most);
    left = right;
  }
}

/// Packs weights of (outputs, channels, 7, 7); the work is divided among the team.
FROSTLINE_COMPILED_ONCE void stem_pack(const Team& team, const StemShape& shape,
                                       const WeightView& weights, float* packed) {
  constexpr int points = StemShape::points, half = lanes / 2;
  typedef double Doubles __attribute__((vector_size(4 * lanes)));
  const int depth = shape.depth(), channels = shape.image.channels;
  for_each_task(team, std::ptrdiff_t(shape.pairs()) * depth, [&](int task) {
    const int pair = task / depth, i = task % depth, part = i / channels, c = i % channels;
    for (int k = 0; k < 2 * lanes; k += half) {
      Doubles g[4][4]{}, u[points][points];
      for (int y = 0; y < 4; ++y)
        for (int x = 0; x < 4; ++x) {
          const int row = 2 * y + part / 2, column = 2 * x + part % 2;
          for (int lane = 0; lane < half && row < 7 && column < 7; ++lane)
            g[y][x][lane] = double(weights.at(2 * pair * lanes + k + lane, c, row, column));
        }
      StemShape::Transform::kernel_tile(g, u);
      for (int product = 0; product < StemShape::products; ++product)
        for (int lane = 0; lane < half; ++lane)
          packed[((std::ptrdiff_t(pair) * StemShape::products + product) * depth + i) * 2 * lanes +
                 k + lane] = float(u[product / points][product % points][lane]);
    }
  });
}

/// y = max pooling of relu(conv(image) + shift) of a batch of images, (channels, height, width)
/// each. The batch's rows of tiles are divided among the threads. Assigns the output's pixels, not
/// its border.
/// Shapes: shift of whole blocks of channels, or null for 0; packed of shape.packed_floats();
/// scratch of shape.thread_scratch_floats() for each thread.
FROSTLINE_COMPILED_ONCE void stem_forward(const Team& team, const StemShape& shape, int batch,
                                          const float* images, const float* packed,
                                          const float* shift, float* out, float* scratch) {
  float* const pixels = scratch;
  float* const v = pixels + StemShape::points * shape.pixel_row();
  float* const m = v + StemShape::products * shape.input_product();
  float* const outputs = m + 2 * StemShape::products * shape.output_product();
  const std::ptrdiff_t block_rows = 5 * shape.output_row();
  const int tile_rows = shape.tile_rows();
  const std::ptrdiff_t all = std::ptrdiff_t(batch) * tile_rows, begin = team.first(all);

  std::fill_n(pixels, StemShape::points * shape.pixel_row(), 0.0f);  // channels after the last
  bool follows = false;  // the row of tiles above is in scratch
  // In the middle of an image begin a row earlier, since its last outputs are needed.
  for (std::ptrdiff_t task = begin - int(begin % tile_rows != 0); task < team.last(all); ++task) {
    const int n = int(task / tile_rows), row = int(task % tile_rows);
    const float* image = images + n * std::ptrdiff_t(shape.image.size());
    follows = follows && row > 0;
    if (follows) std::copy_n(pixels + 4 * shape.pixel_row(), 3 * shape.pixel_row(), pixels);
    for (int y = follows ? 3 : 0; y < StemShape::points; ++y)
      stem_pixels(shape, image, 4 * row + y, pixels + y * shape.pixel_row());
    stem_input(shape, pixels, v);
    for (int block = 0; block < shape.out.blocks(); ++block) {
      if (block % 2 == 0)
        stem_multiply(shape, v,
                      packed + block / 2 * StemShape::products * shape.depth() * 2 * lanes, m);
      float* const rows = outputs + block * block_rows;
      if (row == 0)
        std::fill_n(rows, shape.output_row(), 0.0f);
      else if (follows)
        std::copy_n(rows + 4 * shape.output_row(), shape.output_row(), rows);
      stem_output(shape, m + block % 2 * StemShape::products * shape.output_product(),
                  shift ? load_unaligned(shift + block * lanes) : Vector{}, shape.rows() - 4 * row,
                  rows + shape.output_row());
      if (task < begin) continue;
      for (int y = 2 * row; y < std::min(2 * row + 2, shape.out.shape.height); ++y)
        stem_pool(shape, rows + 2 * (y - 2 * row) * shape.output_row(),
                  shape.out.shape.channels - block * lanes,
                  out + n * shape.out.sample() + shape.out.at(block, y, 0));
    }
    follows = true;
  }
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
