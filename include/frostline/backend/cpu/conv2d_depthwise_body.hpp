// SPDX-License-Identifier: MIT
// The bodies of backend/cpu/conv2d_depthwise.hpp.
#pragma once

#include "frostline/backend/cpu/conv2d_depthwise.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

FROSTLINE_COMPILED_ONCE void depthwise_pack(const Team& team, const DepthwiseSum& sum,
                                            const WeightView& weights, float* packed) {
  for_each_task(team, sum.out.blocks(), [&](int block) {
    float* to = packed + block * sum.block_weights();
    for (int y = 0; y < sum.y.taps; ++y)
      for (int x = 0; x < sum.x.taps; ++x)
        for (int lane = 0; lane < lanes; ++lane)
          *to++ = weights.at(block * lanes + lane, 0, sum.y.weight + y * sum.y.weight_step,
                             sum.x.weight + x * sum.x.weight_step);
  });
}

FROSTLINE_COMPILED_ONCE void depthwise_sum(const Team& team, const DepthwiseSum& sum,
                                           const DepthwiseTiles& tiles, int batch, const float* in,
                                           const float* packed, const Epilogue& epilogue,
                                           float* scratch, float* out) {
  const int height = sum.height(), width = sum.width(), blocks = sum.out.blocks();
  const int bands = divide_up(height, sum.band);
  const DepthwiseMargins margins = sum.margins();
  const bool copies = sum.copies();
  const std::ptrdiff_t in_row = copies ? margins.columns(sum.in) * sum.in.pixel : sum.in.row();
  for_each_task(team, std::ptrdiff_t(batch) * blocks * bands, [&](int task) {
    const int n = task / bands / blocks, block = task / bands % blocks;
    const int first = task % bands * sum.band, last = std::min(first + sum.band, height);
    const float* shift = epilogue.shift ? epilogue.shift + block * lanes : nullptr;
    const float* image = in + n * sum.in.sample() + sum.in.at(block, 0, 0);
    const int top = std::max(0, sum.y.step * first + sum.y.first);  // the first row that is read
    const int bottom =
        std::min(sum.y.step * (last - 1) + sum.y.first + sum.y.taps, sum.in.shape.height);
    for (int row = top; copies && row < bottom; ++row)
      margins.copy_row(sum.in, image + row * sum.in.row(), scratch + (row - top) * in_row);
    for (int y = first; y < last; ++y) {
      const int row = sum.y.step * y + sum.y.first;  // the first row of the window
      const int skipped = std::max(0, -row);
      const int rows = std::min(sum.y.taps, sum.in.shape.height - row) - skipped;
      const DepthwiseWindow window{
          packed + block * sum.block_weights() + std::ptrdiff_t(skipped) * sum.x.taps * lanes,
          shift,
          in_row,
          sum.out_step * sum.out.pixel,
          rows,
          sum.x.taps};
      const float* from = copies ? scratch + (row + skipped - top) * in_row + margins.left * lanes
                                 : image + (row + skipped) * in_row;
      from += sum.x.first * lanes;
      const std::ptrdiff_t at =
          n * sum.out.sample() + sum.out.at(block, sum.out_step * y + sum.out_y, sum.out_x);
      for (int tile = 0; tile < tiles.count; ++tile) {
        const int x = width * tile / tiles.count;
        const int pixels = width * (tile + 1) / tiles.count - x;
        tiles.tile[pixels - tiles.narrow](window, from + x * sum.x.step * lanes, epilogue,
                                          at + x * window.out_pixel, out);
      }
    }
  });
}

FROSTLINE_COMPILED_ONCE void depthwise_pack_backward(const Team& team,
                                                     const DepthwiseConvolution& conv,
                                                     const WeightView& weights, float* packed) {
  for (int y = 0; y < conv.stride; ++y)
    for (int x = 0; x < conv.stride; ++x) {
      const DepthwiseSum sum = conv.backward(y, x);
      depthwise_pack(team, sum, weights, packed);
      packed += sum.packed_floats();
    }
}

FROSTLINE_COMPILED_ONCE void depthwise_input_gradient(
    const Team& team, const DepthwiseConvolution& conv, const DepthwiseTiles* tiles, int batch,
    const float* out_gradient, const float* packed, bool adds, float* scratch, float* in_gradient) {
  if (!adds) zero_borders(team, conv.in, in_gradient, batch);
  for (int y = 0; y < conv.stride; ++y)
    for (int x = 0; x < conv.stride; ++x) {
      const DepthwiseSum sum = conv.backward(y, x);
      if (sum.height() > 0 && sum.width() > 0)
        depthwise_sum(team, sum, tiles[x], batch, out_gradient, packed,
                      {.added = adds ? in_gradient : nullptr}, scratch, in_gradient);
      packed += sum.packed_floats();
    }
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
