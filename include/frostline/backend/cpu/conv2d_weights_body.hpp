// SPDX-License-Identifier: MIT
// The bodies of backend/cpu/conv2d_weights.hpp.
#pragma once

#include "frostline/backend/cpu/conv2d_weights.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

FROSTLINE_COMPILED_ONCE void store_weight_gradient(const float* sums, int taps, int inner,
                                                   int width, int first_output, int outputs,
                                                   int first_input, int inputs, bool adds,
                                                   float* gradient) {
  const int last_k = std::min(width, outputs - first_output);
  const int last_c = std::min(inner, inputs - first_input);
  for (int k = 0; k < last_k; ++k) {
    float* to = gradient + (std::ptrdiff_t(first_output + k) * inputs + first_input) * taps;
    for (int c = 0; c < last_c; ++c)
      for (int t = 0; t < taps; ++t, ++to) {
        const float sum = sums[(t * inner + c) * width + k];
        *to = adds ? *to + sum : sum;
      }
  }
}

FROSTLINE_COMPILED_ONCE void direct_weight_gradient(const Team& team, const DirectConvolution& conv,
                                                    int batch, const float* in,
                                                    const float* out_gradient, float* scratch,
                                                    bool adds, float* gradient) {
  const int inputs = conv.in.blocks(), pairs = divide_up(conv.out.blocks(), 2), size = conv.size;
  const Shape out = conv.out.shape;
  // Rows whose inputs and gradients stay in the L1 cache while all taps read them.
  const int strip = std::clamp(
      20 * 1024 / (4 * (2 + conv.stride * conv.stride) * lanes * out.width), 1, out.height);
  for_each_task(team, std::ptrdiff_t(inputs) * pairs, [&](int task) {
    const int input = task % inputs, pair = task / inputs;
    const int vectors = std::min(2, conv.out.blocks() - 2 * pair);
    const std::ptrdiff_t row_of_taps = std::ptrdiff_t(size) * lanes * vectors * lanes;
    std::fill_n(scratch, row_of_taps * size, 0.0f);
    for (int n = 0; n < batch; ++n)
      for (int y = 0; y < out.height; y += strip)
        for (int ky = 0; ky < size; ++ky) {
          const int row = y * conv.stride + ky - conv.top;
          const PixelRows pixels{in + n * conv.in.sample() + conv.in.at(input, row, -conv.left),
                                 out_gradient + n * conv.out.sample() + conv.out.at(2 * pair, y, 0),
                                 conv.stride * conv.in.row(),
                                 conv.stride * conv.in.pixel,
                                 conv.out.row(),
                                 conv.out.block(),
                                 std::min(strip, out.height - y),
                                 out.width};
          float* sums = scratch + ky * row_of_taps;
          if (size == 3)
            vectors == 2 ? add_tap_row<3, 2>(pixels, sums) : add_tap_row<3, 1>(pixels, sums);
          else
            vectors == 2 ? add_tap_row<1, 2>(pixels, sums) : add_tap_row<1, 1>(pixels, sums);
        }
    store_weight_gradient(scratch, size * size, lanes, vectors * lanes, 2 * pair * lanes,
                          out.channels, input * lanes, conv.in.shape.channels, adds, gradient);
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
