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
void stem_pixels(const StemShape& shape, const float* image, int y, float* to);

void stem_input(const StemShape& shape, const float* pixels, float* v);

/// All products of a row of tiles for a pair of output blocks.
void stem_multiply(const StemShape& shape, const float* v, const float* weights, float* m);

/// Four rows of outputs of one block. Rows that the convolution does not have are zero, which does
/// not change a maximum of numbers that are not negative.
void stem_output(const StemShape& shape, const float* m, Vector shift, int height, float* to);

/// One row of the pooled map from three rows of outputs of one block with `exist` channels.
void stem_pool(const StemShape& shape, const float* from, int channels, float* to);

/// Packs weights of (outputs, channels, 7, 7); the work is divided among the team.
void stem_pack(const Team& team, const StemShape& shape, const WeightView& weights, float* packed);

/// y = max pooling of relu(conv(image) + shift) of a batch of images, (channels, height, width)
/// each. The batch's rows of tiles are divided among the threads. Assigns the output's pixels, not
/// its border.
/// Shapes: shift of whole blocks of channels, or null for 0; packed of shape.packed_floats();
/// scratch of shape.thread_scratch_floats() for each thread.
void stem_forward(const Team& team, const StemShape& shape, int batch, const float* images,
                  const float* packed, const float* shift, float* out, float* scratch);

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_KERNELS_COMPILED
#include "frostline/backend/cpu/winograd_stem_body.hpp"
#endif
