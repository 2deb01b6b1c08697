// SPDX-License-Identifier: MIT
// Convolution of any window, dilation and groups over NCHW: im2col tile by tile, and a product.
#pragma once

#include "frostline/backend/cpu/im2col.hpp"
#include "frostline/backend/cpu/products.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// The sizes of a convolution in its place; all layers share the code that loops over them.
struct Convolution {
  Shape in, out;
  int groups;
  Windows windows;

  static constexpr int tile_floats = 1 << 18;  // the columns of a tile stay in the L2 cache

  constexpr int taps() const { return windows.kernel * windows.kernel; }
  constexpr int group_inputs() const { return in.channels / groups; }
  constexpr int group_outputs() const { return out.channels / groups; }
  constexpr int depth() const { return group_inputs() * taps(); }
  constexpr int pixels() const { return out.height * out.width; }
  /// Output rows, of one image or of several, that a forward task computes.
  constexpr int tile_rows() const {
    const int wanted = std::clamp(tile_floats / depth(), 32, 512);
    return std::max(1, wanted / out.width);
  }
  constexpr int tile_pixels() const { return tile_rows() * out.width; }
  /// Input channels, of one group, that a task of the backward computes.
  constexpr int block_channels() const {
    return std::clamp(tile_floats / (taps() * pixels()), 1, std::max(1, group_inputs() / 8));
  }
  constexpr int blocks() const {  // of a group
    return (group_inputs() + block_channels() - 1) / block_channels();
  }
  /// Images that one product of the weights' gradient sums over: several if they are small.
  constexpr int images_together() const { return std::max(1, 512 / pixels()); }
  constexpr std::size_t scratch_floats(Pass pass) const {
    if (pass == Pass::forward)
      return std::size_t(depth() + group_outputs()) * std::size_t(tile_pixels());
    const std::size_t columns = std::size_t(block_channels()) * std::size_t(taps());
    if (pass == Pass::input_gradient) return columns * std::size_t(pixels());
    return (columns + std::size_t(group_outputs())) * std::size_t(images_together() * pixels());
  }
};

/// y = scale * y + shift (+ added) (then ReLU or ReLU6), per channel; null pointers mean 1, 0 and
/// 0.
struct ChannelEpilogue {
  const float* scale = nullptr;
  const float* shift = nullptr;
  const float* added = nullptr;
  Rectifier rectifier = Rectifier::none;

  void store(const float* sums, std::ptrdiff_t count, int channel, const float* more,
             float* out) const {
    const float factor = scale ? scale[channel] : 1.0f;
    const float offset = shift ? shift[channel] : 0.0f;
    if (more)
      for (std::ptrdiff_t i = 0; i < count; ++i) out[i] = sums[i] * factor + offset + more[i];
    else
      for (std::ptrdiff_t i = 0; i < count; ++i) out[i] = sums[i] * factor + offset;
    if (rectifier != Rectifier::none)
      for (std::ptrdiff_t i = 0; i < count; ++i) out[i] = out[i] < 0 ? 0.0f : out[i];
    if (rectifier == Rectifier::relu6)
      for (std::ptrdiff_t i = 0; i < count; ++i) out[i] = out[i] > 6 ? 6.0f : out[i];
  }
};

/// Calls run(image, from_row, to_row, first_pixel_of_the_tile) for the images of some output rows.
template <class Run>
void for_each_image(int first, int last, int height, int width, Run run) {
  for (int row = first; row < last;) {
    const int image = row / height;
    const int end = std::min(last, (image + 1) * height);
    run(image, row - image * height, end - image * height, (row - first) * width);
    row = end;
  }
}

void im2col_forward(const Convolution& conv, const Call& call, const ChannelEpilogue& epilogue);

void im2col_input_gradient(const Convolution& conv, const Call& call, bool adds);

void im2col_weight_gradient(const Convolution& conv, const Call& call, float* weight);

/// Assigns a bias' gradient, the sums of the output's gradient over pixels and batch, or adds to
/// it. Shapes: NCHW.
void plain_bias_gradient(const Call& call, Shape out, float* bias);

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_KERNELS_COMPILED
#include "frostline/backend/cpu/conv2d_im2col_body.hpp"
#endif
