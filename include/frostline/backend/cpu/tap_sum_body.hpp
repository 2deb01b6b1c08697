// SPDX-License-Identifier: MIT
// The bodies of backend/cpu/tap_sum.hpp.
#pragma once

#include "frostline/backend/cpu/tap_sum.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

FROSTLINE_COMPILED_ONCE void pack_taps(const Team& team, const TapSum& sum, int inner,
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

FROSTLINE_COMPILED_ONCE void scattered_tap_sum(const Team& team, const TapSum& sum,
                                               const TapTiles& tiles, int batch, const float* in,
                                               const float* packed, const Epilogue& epilogue,
                                               float* out) {
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
      at.in[p] = n * sum.in_sample + sum.in_first + y * sum.in_row + x * tiles.step;
      at.out[p] = n * sum.out_sample + sum.out_first + y * sum.out_row + x * sum.out_pixel;
    }
    tiles.scattered[2 * pair + 1 < sum.blocks](sum, at, std::min(tile_pixels, all - first), in,
                                               packed + 2 * pair * sum.block_weights(lanes),
                                               epilogue, 2 * pair, out);
  });
}

FROSTLINE_COMPILED_ONCE void tap_sum(const Team& team, const TapSum& sum, const TapTiles& tiles,
                                     int batch, const float* in, const float* packed,
                                     const Epilogue& epilogue, float* out) {
  if (tiles.runs_on()) {
    scattered_tap_sum(team, sum, tiles, batch, in, packed, epilogue, out);
    return;
  }
  const int rows = tiles.rows(), row_parts = divide_up(sum.height, rows);
  const PartOrder order(sum, batch, row_parts);
  // All pairs of blocks read a row again, so as much of it as the cache holds is summed at a time.
  const int row_bytes = sum.groups * sum.width * lanes * 4;
  const int sums = std::min(divide_up(row_bytes, PartOrder::cache / 2), sum.groups);
  for (int k = 0; k < sums; ++k) {
    const TapSum some = sum.part(sum.groups * k / sums, sum.groups * (k + 1) / sums, tiles.inner);
    const Epilogue end{.shift = k == 0 ? epilogue.shift : nullptr,
                       .added = k == 0 ? epilogue.added : out,
                       .rectifier = k + 1 == sums ? epilogue.rectifier : Rectifier::none};
    for_each_task(team, order.tasks(), [&](int task) {
      const auto [part, pair] = order[task];
      const int n = part / row_parts, y = part % row_parts * rows;
      const float* from = in + n * sum.in_sample + some.in_first + y * sum.in_row;
      const std::ptrdiff_t at =
          n * sum.out_sample + sum.out_first + 2 * pair * sum.out_block + y * sum.out_row;
      if (rows == 2 && y + 1 < sum.height)
        tiles.two_rows[2 * pair + 1 < sum.blocks](some, from, packed + some.weights_at(pair, lanes),
                                                  end, 2 * pair, at, out);
      else
        tap_row(some, tiles, from, packed, end, pair, at, out);
    });
  }
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
