// SPDX-License-Identifier: MIT
// Direct convolution over blocked values, forward and backward to the input, as sums over taps.
#pragma once

#include "frostline/backend/cpu/tap_sum.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// A convolution of 1x1 or 3x3 with stride 1 or 2 over blocked values, with as many zeros above and
/// on the left as their border has: 0 or 1.
struct DirectConvolution {
  BlockedMap in, out;
  int size, stride;
  int top = size / 2, left = size / 2;

  constexpr TapSum forward() const {
    TapSum sum{};
    sum.groups = in.blocks();
    sum.last_inner = in.shape.channels - (in.blocks() - 1) * lanes;
    sum.group = in.block();
    sum.in_row = stride * in.row();
    sum.in_sample = in.sample();
    sum.in_first = in.at(0, -top, -left);
    for (int y = 0; y < size; ++y)
      for (int x = 0; x < size; ++x) sum.add_tap(y, x, y * in.row() + x * in.pixel);
    set_outputs(sum, out, 1, 0, 0);
    return sum;
  }
  /// The gradient of the inputs whose rows and columns are `y` and `x` modulo the stride: each
  /// such part is a convolution of stride 1 of the output's gradient.
  constexpr TapSum backward(int y, int x) const {
    TapSum sum{};
    sum.groups = out.blocks();
    sum.last_inner = out.shape.channels - (out.blocks() - 1) * lanes;
    sum.group = out.block();
    sum.in_row = out.row();
    sum.in_sample = out.sample();
    sum.in_first = out.at(0, 0, 0);
    for (int ky = 0; ky < size; ++ky)
      for (int kx = 0; kx < size; ++kx) {
        const int dy = y + top - ky, dx = x + left - kx;  // input = stride * output + ...
        if (dy % stride != 0 || dx % stride != 0) continue;
        sum.add_tap(ky, kx, dy / stride * out.row() + dx / stride * out.pixel);
      }
    set_outputs(sum, in, stride, y, x);
    return sum;
  }
  constexpr std::ptrdiff_t backward_floats() const {
    return std::ptrdiff_t(size) * size * out.blocks() * lanes * in.blocks() * lanes;
  }

 private:
  static constexpr void set_outputs(TapSum& sum, const BlockedMap& map, int step, int y, int x) {
    sum.channels = map.shape.channels;
    sum.blocks = map.blocks();
    sum.height = (map.shape.height - y + step - 1) / step;
    sum.width = (map.shape.width - x + step - 1) / step;
    sum.out_block = map.block();
    sum.out_row = step * map.row();
    sum.out_pixel = step * map.pixel;
    sum.out_sample = map.sample();
    sum.out_first = map.at(0, y, x);
  }
};

/// Assigns the output and its borders. `tiles` are those of its width.
void direct_forward(const Team& team, const DirectConvolution& conv, const TapTiles& tiles,
                    int batch, const float* in, const float* packed, const Epilogue& epilogue,
                    float* out);

/// Packs the weights for direct_input_gradient, part by part.
void direct_pack_backward(const Team& team, const DirectConvolution& conv,
                          const WeightView& weights, float* packed);
/// Assigns the input's gradient, or adds to it. tiles[x] are for the input columns that are x
/// modulo the stride.
void direct_input_gradient(const Team& team, const DirectConvolution& conv, const TapTiles* tiles,
                           int batch, const float* out_gradient, const float* packed, bool adds,
                           float* in_gradient);

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_KERNELS_COMPILED
#include "frostline/backend/cpu/conv2d_direct_body.hpp"
#endif
