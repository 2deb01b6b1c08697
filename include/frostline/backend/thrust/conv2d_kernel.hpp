// SPDX-License-Identifier: MIT
// A convolution on CUDA without columns in memory: each block gathers its windows while it
// computes, and applies the absorbed layers before it stores.
#pragma once

#include "frostline/backend/thrust/columns.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

FROSTLINE_DEVICE inline float rectified(Rectifier rectifier, float x) {
  if (rectifier != Rectifier::none && x < 0) return 0.0f;
  return rectifier == Rectifier::relu6 && x > 6 ? 6.0f : x;
}

/// y = weights * windows of x + shift + added, then the ReLU or ReLU6. Shapes: x (batch, in),
/// weights (out, taps), shift (out) or null, added and y (batch, out).
struct FusedConvolution {
  Windows w;
  int batch;
  const float *x, *weights, *shift, *added;  // shift and added may be null
  Rectifier rectifier;
  float* y;
};

#if FROSTLINE_CUDA

/// A block computes 64 output channels of 128 output pixels of the batch, a thread 8 channels of 4
/// pixels: a warp reads one row of weights for all of its lanes, and stores runs of 32 pixels. With
/// larger tiles, ResNet's last stage would have too few of them for the SMs of a device.
struct ConvolutionTile {
  static constexpr int channels = 64, pixels = 128, taps = 8, threads = 256;
  static constexpr int own_channels = 8, own_pixels = 4;
  // Padded so that the threads of a warp, which store to one or two rows, use all banks.
  static constexpr int channel_padding = 4, pixel_padding = 16;
};

template <int Size>
__global__ __launch_bounds__(ConvolutionTile::threads) void conv2d_kernel(FusedConvolution c) {
  using Tile = ConvolutionTile;
  __shared__ __align__(16) float left[2][Tile::taps][Tile::channels + Tile::channel_padding];
  __shared__ float right[2][Tile::taps][Tile::pixels + Tile::pixel_padding];
  const Windows& w = c.w;
  const int taps = w.in_channels * Size * Size;
  const int tiles = (w.out_channels + Tile::channels - 1) / Tile::channels;
  const int first_channel = int(blockIdx.x) % tiles * Tile::channels;
  const std::ptrdiff_t first_pixel = std::ptrdiff_t(int(blockIdx.x) / tiles) * Tile::pixels;
  const std::ptrdiff_t all_pixels = c.batch * w.pixels();

  const int me = int(threadIdx.x), lane = me % 32, warp = me / 32;
  // This thread fetches two weights, and every other of eight taps of one pixel. Neighbouring taps
  // of a window are neighbours in memory, so that two threads share a pixel: with stride 2, a warp
  // then reads every column of a run, not every other one.
  const int weight_tap = me % Tile::taps, weight_row = me / Tile::taps;
  const int pixel = Size > 1 ? me / 2 : me % Tile::pixels;
  const int pixel_tap = Size > 1 ? me % 2 : me / Tile::pixels;
  const std::ptrdiff_t at = first_pixel + pixel;
  const bool has_pixel = at < all_pixels;
  const int place = int(at % w.pixels());
  const int top = place / w.out_width * w.stride - w.top;
  const int left_edge = place % w.out_width * w.stride - w.left;
  const float* image = c.x + at / w.pixels() * w.in_size();

  float next_weights[2], next_inputs[4];
  const auto fetch = [&](int first_tap) {
    for (int i = 0; i < 2; ++i) {
      const int channel = first_channel + weight_row + 32 * i, tap = first_tap + weight_tap;
      next_weights[i] = channel < w.out_channels && tap < taps
                            ? c.weights[std::ptrdiff_t(channel) * taps + tap]
                            : 0.0f;
    }
    for (int i = 0; i < 4; ++i) {
      const int tap = first_tap + pixel_tap + 2 * i;
      const int channel = tap / (Size * Size), of_window = tap % (Size * Size);
      const int y = top + of_window / Size * w.dilation;
      const int x = left_edge + of_window % Size * w.dilation;
      const bool inside =
          has_pixel && tap < taps && y >= 0 && y < w.in_height && x >= 0 && x < w.in_width;
      next_inputs[i] =
          inside ? image[(std::ptrdiff_t(channel) * w.in_height + y) * w.in_width + x] : 0.0f;
    }
  };
  const auto keep = [&](int buffer) {
    for (int i = 0; i < 2; ++i) left[buffer][weight_tap][weight_row + 32 * i] = next_weights[i];
    for (int i = 0; i < 4; ++i) right[buffer][pixel_tap + 2 * i][pixel] = next_inputs[i];
  };

  float sums[Tile::own_channels][Tile::own_pixels]{};
  fetch(0);
  keep(0);
  __syncthreads();
  for (int first_tap = 0, buffer = 0; first_tap < taps; first_tap += Tile::taps, buffer ^= 1) {
    const bool more = first_tap + Tile::taps < taps;
    if (more) fetch(first_tap + Tile::taps);
#pragma unroll
    for (int tap = 0; tap < Tile::taps; ++tap) {
      float a[Tile::own_channels], b[Tile::own_pixels];
      *reinterpret_cast<float4*>(a) =
          *reinterpret_cast<const float4*>(&left[buffer][tap][warp * Tile::own_channels]);
      *reinterpret_cast<float4*>(a + 4) =
          *reinterpret_cast<const float4*>(&left[buffer][tap][warp * Tile::own_channels + 4]);
#pragma unroll
      for (int j = 0; j < Tile::own_pixels; ++j) b[j] = right[buffer][tap][lane + 32 * j];
#pragma unroll
      for (int i = 0; i < Tile::own_channels; ++i)
#pragma unroll
        for (int j = 0; j < Tile::own_pixels; ++j) sums[i][j] += a[i] * b[j];
    }
    if (more) {
      keep(buffer ^ 1);
      __syncthreads();
    }
  }

#pragma unroll
  for (int j = 0; j < Tile::own_pixels; ++j) {
    const std::ptrdiff_t to = first_pixel + lane + 32 * j;
    if (to >= all_pixels) continue;
    const std::ptrdiff_t first = to / w.pixels() * w.out_size() + to % w.pixels();
#pragma unroll
    for (int i = 0; i < Tile::own_channels; ++i) {
      const int channel = first_channel + warp * Tile::own_channels + i;
      if (channel >= w.out_channels) continue;
      const std::ptrdiff_t out = first + channel * w.pixels();
      float value = sums[i][j];
      if (c.shift) value += c.shift[channel];
      if (c.added) value += c.added[out];
      c.y[out] = rectified(c.rectifier, value);
    }
  }
}

template <int Size>
void run_fused(const void* context, const FusedConvolution& c) {
  using Tile = ConvolutionTile;
  const std::ptrdiff_t pixels = c.batch * c.w.pixels();
  const std::ptrdiff_t blocks = ((c.w.out_channels + Tile::channels - 1) / Tile::channels) *
                                ((pixels + Tile::pixels - 1) / Tile::pixels);
  conv2d_kernel<Size><<<unsigned(blocks), Tile::threads, 0, context_of(context).stream()>>>(c);
}

#endif

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device
