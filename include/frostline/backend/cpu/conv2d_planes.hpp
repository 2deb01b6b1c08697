// SPDX-License-Identifier: MIT
// Convolution of a network's input: few channels, NCHW, each plane padded in scratch memory.
#pragma once

#include "frostline/backend/cpu/conv2d_weights.hpp"
#include "frostline/layers/conv2d.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// A convolution of the planes of an image, of any window up to 7x7 and any stride.
struct PlaneConvolution {
  Shape in;
  BlockedMap out;
  int size, stride;
  Pads pads;

  static constexpr int band = 8;  // output rows whose inputs are in scratch together

  constexpr int columns() const { return pads.left + in.width + pads.right; }
  constexpr int band_rows() const { return (band - 1) * stride + size; }
  constexpr std::ptrdiff_t plane() const { return std::ptrdiff_t(band_rows()) * columns(); }
  /// Rounded up to whole vectors.
  constexpr std::ptrdiff_t band_floats() const {
    return (in.channels * plane() + lanes - 1) / lanes * lanes;
  }
  /// The sum for one output row of a band.
  constexpr TapSum forward() const {
    TapSum sum{};
    sum.groups = in.channels;
    sum.last_inner = 1;
    sum.group = plane();
    for (int y = 0; y < size; ++y)
      for (int x = 0; x < size; ++x) sum.add_tap(y, x, std::ptrdiff_t(y) * columns() + x);
    sum.channels = out.shape.channels;
    sum.blocks = out.blocks();
    sum.height = out.shape.height;
    sum.width = out.shape.width;
    sum.out_block = out.block();
    sum.out_row = out.row();
    sum.out_pixel = out.pixel;
    return sum;
  }
  /// Copies the rows of an image that a band from output row `first` on reads, with zeros around.
  void fill_band(const float* image, int first, float* to) const {
    for (int c = 0; c < in.channels; ++c)
      for (int r = 0; r < band_rows(); ++r, to += columns()) {
        const int y = first * stride - pads.top + r;
        if (y < 0 || y >= in.height) {
          std::fill_n(to, columns(), 0.0f);
          continue;
        }
        std::fill_n(to, pads.left, 0.0f);
        std::copy_n(image + (std::ptrdiff_t(c) * in.height + y) * in.width, in.width,
                    to + pads.left);
        std::fill_n(to + pads.left + in.width, pads.right, 0.0f);
      }
  }
};

/// Assigns the output and its borders. `tiles` are those of its width. Needs band_floats of scratch
/// per thread.
void planes_forward(const Team& team, const PlaneConvolution& conv, const TapTiles& tiles,
                    int batch, const float* in, const float* packed, const Epilogue& epilogue,
                    float* scratch, float* out);

/// Scratch of planes_weight_gradient per thread: a band, and the sums of the thread's outputs.
constexpr std::size_t planes_gradient_floats(const PlaneConvolution& conv) {
  return std::size_t(conv.band_floats()) +
         std::size_t(conv.in.channels * conv.size * conv.size * conv.out.blocks() * lanes);
}

/// Adds to the sums of one row of `Size` taps of one plane, for one block of outputs.
template <int Size>
FROSTLINE_COMPILED_ONCE void add_plane_taps(const PixelRows& pixels, float* sums) {
  add_pixels<Size, 1, 1, 1>(pixels, 1, sums);
}

/// Assigns the weight's gradient, (outputs, inputs, size, size), or adds to it.
template <int Size>
FROSTLINE_COMPILED_ONCE void planes_weight_gradient(const Team& team, const PlaneConvolution& conv,
                                                    int batch, const float* in,
                                                    const float* out_gradient, float* scratch,
                                                    bool adds, float* gradient) {
  const Shape out = conv.out.shape;
  const int first_block = int(team.first(conv.out.blocks()));
  const int last_block = int(team.last(conv.out.blocks()));
  if (first_block == last_block) return;
  constexpr std::ptrdiff_t taps = Size * Size;
  const std::ptrdiff_t plane_sums = taps * lanes, block_sums = conv.in.channels * plane_sums;
  float* sums = scratch + conv.band_floats();
  std::fill_n(sums, (last_block - first_block) * block_sums, 0.0f);
  for (int n = 0; n < batch; ++n)
    for (int first = 0; first < out.height; first += conv.band) {
      conv.fill_band(in + std::ptrdiff_t(n) * std::ptrdiff_t(conv.in.size()), first, scratch);
      for (int block = first_block; block < last_block; ++block)
        for (int c = 0; c < conv.in.channels; ++c)
          for (int ky = 0; ky < Size; ++ky)
            add_plane_taps<Size>(
                {scratch + c * conv.plane() + std::ptrdiff_t(ky) * conv.columns(),
                 out_gradient + n * conv.out.sample() + conv.out.at(block, first, 0),
                 std::ptrdiff_t(conv.stride) * conv.columns(), conv.stride, conv.out.row(), 0,
                 std::min(conv.band, out.height - first), out.width},
                sums + (block - first_block) * block_sums + c * plane_sums + ky * Size * lanes);
    }
  for (int block = first_block; block < last_block; ++block)
    for (int c = 0; c < conv.in.channels; ++c)
      store_weight_gradient(sums + (block - first_block) * block_sums + c * plane_sums, int(taps),
                            1, lanes, block * lanes, out.channels, c, conv.in.channels, adds,
                            gradient);
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_KERNELS_COMPILED
#include "frostline/backend/cpu/conv2d_planes_body.hpp"
#endif
