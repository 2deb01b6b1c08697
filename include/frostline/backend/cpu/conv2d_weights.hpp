// SPDX-License-Identifier: MIT
// The gradient of a convolution's weights: register tiles of weights, summed over pixels.
#pragma once

#include "frostline/backend/cpu/conv2d_direct.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// The rows of inputs and of the output's gradient that one task sums over. Strides in floats.
struct PixelRows {
  const float* in;
  const float* gradient;
  std::ptrdiff_t in_row, in_pixel, gradient_row, gradient_block;
  int rows, width;
};

/// sums[(tap * channels + c) * Vectors + v] += in[tap, c] * gradient[v] over the pixels, for Taps
/// neighbouring inputs of Channels channels; TapStep: floats from one tap's input to the next.
template <int Taps, int Channels, int Vectors, int TapStep>
FROSTLINE_INLINE void add_pixels(const PixelRows& pixels, int channels, float* sums) {
  Vector tile[Taps][Channels][Vectors];
  const auto each = [&](auto visit) __attribute__((always_inline)) {
    FROSTLINE_UNROLL
    for (int t = 0; t < Taps; ++t) FROSTLINE_UNROLL
    for (int c = 0; c < Channels; ++c) FROSTLINE_UNROLL
    for (int v = 0; v < Vectors; ++v)
      visit(tile[t][c][v], sums + ((t * channels + c) * Vectors + v) * lanes);
  };
  each([](Vector & sum, const float* from) __attribute__((always_inline)) { sum = load(from); });
  for (int y = 0; y < pixels.rows; ++y) {
    const float* x = pixels.in + y * pixels.in_row;
    const float* g = pixels.gradient + y * pixels.gradient_row;
    FROSTLINE_NO_UNROLL
    for (int i = 0; i < pixels.width; ++i, x += pixels.in_pixel, g += lanes) {
      Vector gradient[Vectors];
      FROSTLINE_UNROLL
      for (int v = 0; v < Vectors; ++v) gradient[v] = load(g + v * pixels.gradient_block);
      const float* from = opaque(x);
      FROSTLINE_UNROLL
      for (int t = 0; t < Taps; ++t) FROSTLINE_UNROLL
      for (int c = 0; c < Channels; ++c) {
        const Vector scalar = splat(from[t * TapStep + c]);
        FROSTLINE_UNROLL
        for (int v = 0; v < Vectors; ++v) tile[t][c][v] += scalar * gradient[v];
      }
    }
  }
  each([](Vector & sum, float* to) __attribute__((always_inline)) { store(to, sum); });
}

/// Adds to the sums of one row of taps, for one or two output blocks and one block of inputs.
template <int Taps, int Vectors>
FROSTLINE_COMPILED_ONCE void add_tap_row(PixelRows pixels, float* sums) {
  constexpr int wide = lanes == 16 ? 24 : 12;  // sums that the registers hold
  constexpr int most = std::max(1, wide / (Taps * Vectors));
  constexpr int channels = most >= 8 && lanes >= 8 ? 8 : most >= 4 ? 4 : most >= 2 ? 2 : 1;
  for (int c = 0; c < lanes; c += channels, pixels.in += channels)
    add_pixels<Taps, channels, Vectors, lanes>(pixels, lanes, sums + c * Vectors * lanes);
}

/// Assigns sums, [tap][channel of a block][output of a pair], to a weight's gradient in PyTorch's
/// order, or adds them.
void store_weight_gradient(const float* sums, int taps, int inner, int width, int first_output,
                           int outputs, int first_input, int inputs, bool adds, float* gradient);

struct DirectWeightGradient {
  /// Sums of one task: every tap of a block of inputs and a pair of output blocks.
  static constexpr std::size_t scratch_floats(int size) {
    return std::size_t(size) * std::size_t(size) * lanes * 2 * lanes;
  }
};

/// Assigns the weight's gradient, (outputs, inputs, size, size), or adds to it. Needs
/// DirectWeightGradient::scratch_floats of scratch per thread.
void direct_weight_gradient(const Team& team, const DirectConvolution& conv, int batch,
                            const float* in, const float* out_gradient, float* scratch, bool adds,
                            float* gradient);

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_KERNELS_COMPILED
#include "frostline/backend/cpu/conv2d_weights_body.hpp"
#endif
