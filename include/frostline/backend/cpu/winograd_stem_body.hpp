// SPDX-License-Identifier: MIT
// The bodies of backend/cpu/winograd_stem.hpp.
#pragma once

#include "frostline/backend/cpu/winograd_stem.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

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
