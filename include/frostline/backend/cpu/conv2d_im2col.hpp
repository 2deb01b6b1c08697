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

FROSTLINE_COMPILED_ONCE void im2col_forward(const Convolution& conv, const Call& call,
                                            const ChannelEpilogue& epilogue) {
  const int rows = call.batch * conv.out.height;
  const int tiles = (rows + conv.tile_rows() - 1) / conv.tile_rows();
  const int outputs = conv.group_outputs();
  // With fewer tiles than threads, a tile's output channels are divided among threads.
  const int parts = std::clamp(call.team.threads / std::max(1, tiles * conv.groups), 1, outputs);
  const int tasks = tiles * conv.groups * parts;
  for_each_task(call.team, tasks, [&](int task) {
    const int part = task % parts;
    const int group = task / parts % conv.groups;
    const int first = task / parts / conv.groups * conv.tile_rows();
    const int last = std::min(rows, first + conv.tile_rows());
    const int pixels = (last - first) * conv.out.width;
    const int from = outputs * part / parts, to = outputs * (part + 1) / parts;
    float* columns = call.thread_scratch();
    float* sums = columns + std::ptrdiff_t(conv.depth()) * conv.tile_pixels();
    for_each_image(first, last, conv.out.height, conv.out.width, [&](int n, int y, int end, int p) {
      const float* image = call.inputs[0] + std::size_t(n) * conv.in.size() +
                           std::size_t(group * conv.group_inputs()) * conv.in.pixels();
      float* column = columns + p;
      for (int c = 0; c < conv.group_inputs(); ++c, image += conv.in.pixels())
        for (int ky = 0; ky < conv.windows.kernel; ++ky)
          for (int kx = 0; kx < conv.windows.kernel; ++kx, column += pixels)
            im2col_tap(image, conv.in, conv.out, conv.windows, ky, kx, y, end, column);
    });
    const int channel = group * outputs + from;
    const OuterProducts product{.a = call.parameters[0] + std::ptrdiff_t(channel) * conv.depth(),
                                .a_row = conv.depth(),
                                .a_sum = 1,
                                .b = {columns, pixels},
                                .c = {sums, pixels},
                                .rows = to - from,
                                .depth = conv.depth(),
                                .columns = pixels,
                                .adds = false};
    product.run(Team{});
    for_each_image(first, last, conv.out.height, conv.out.width, [&](int n, int y, int end, int p) {
      for (int k = 0; k < to - from; ++k) {
        const std::size_t place = std::size_t(n) * conv.out.size() +
                                  std::size_t(channel + k) * conv.out.pixels() +
                                  std::size_t(y) * std::size_t(conv.out.width);
        epilogue.store(sums + std::ptrdiff_t(k) * pixels + p,
                       std::ptrdiff_t(end - y) * conv.out.width, channel + k,
                       epilogue.added ? epilogue.added + place : nullptr, call.output + place);
      }
    });
  });
}

FROSTLINE_COMPILED_ONCE void im2col_input_gradient(const Convolution& conv, const Call& call,
                                                   bool adds) {
  const int blocks = conv.groups * conv.blocks();
  const int tasks = call.batch * blocks;
  for_each_task(call.team, tasks, [&](int task) {
    const int n = task / blocks;
    const int group = task % blocks / conv.blocks();
    const int first = task % blocks % conv.blocks() * conv.block_channels();
    const int channels = std::min(conv.block_channels(), conv.group_inputs() - first);
    const int outputs = conv.group_outputs();
    const float* weight =
        call.parameters[0] + std::ptrdiff_t(group) * outputs * conv.depth() + first * conv.taps();
    float* columns = call.thread_scratch();
    const OuterProducts product{.a = weight,
                                .a_row = 1,
                                .a_sum = conv.depth(),
                                .b = {call.output_gradient + std::size_t(n) * conv.out.size() +
                                          std::size_t(group * outputs) * conv.out.pixels(),
                                      conv.pixels()},
                                .c = {columns, conv.pixels()},
                                .rows = channels * conv.taps(),
                                .depth = outputs,
                                .columns = conv.pixels(),
                                .adds = false};
    product.run(Team{});
    float* image = call.input_gradients[0] + std::size_t(n) * conv.in.size() +
                   std::size_t(group * conv.group_inputs() + first) * conv.in.pixels();
    if (!adds) std::fill_n(image, std::size_t(channels) * conv.in.pixels(), 0.0f);
    for (int c = 0; c < channels; ++c, image += conv.in.pixels())
      for (int ky = 0; ky < conv.windows.kernel; ++ky)
        for (int kx = 0; kx < conv.windows.kernel; ++kx, columns += conv.pixels())
          col2im_tap(columns, conv.in, conv.out, conv.windows, ky, kx, image);
  });
}

FROSTLINE_COMPILED_ONCE void im2col_weight_gradient(const Convolution& conv, const Call& call,
                                                    float* weight) {
  const int tasks = conv.groups * conv.blocks();
  const int outputs = conv.group_outputs();
  for_each_task(call.team, tasks, [&](int task) {
    const int group = task / conv.blocks();
    const int first = task % conv.blocks() * conv.block_channels();
    const int channels = std::min(conv.block_channels(), conv.group_inputs() - first);
    const Rows<float> gradient{
        weight + std::ptrdiff_t(group) * outputs * conv.depth() + first * conv.taps(),
        conv.depth()};
    float* columns = call.thread_scratch();
    const auto of_image = [&](const float* from, int n, Shape shape, int channel) {
      return from + std::size_t(n) * shape.size() + std::size_t(channel) * shape.pixels();
    };
    for (int n = 0; n < call.batch; n += conv.images_together()) {
      const int images = std::min(conv.images_together(), call.batch - n);
      const int depth = images * conv.pixels();
      float* column = columns;
      for (int c = 0; c < channels; ++c)
        for (int ky = 0; ky < conv.windows.kernel; ++ky)
          for (int kx = 0; kx < conv.windows.kernel; ++kx)
            for (int i = 0; i < images; ++i, column += conv.pixels())
              im2col_tap(
                  of_image(call.inputs[0], n + i, conv.in, group * conv.group_inputs() + first + c),
                  conv.in, conv.out, conv.windows, ky, kx, 0, conv.out.height, column);
      float* outer = column;
      for (int k = 0; k < outputs; ++k)
        for (int i = 0; i < images; ++i, column += conv.pixels())
          std::copy_n(of_image(call.output_gradient, n + i, conv.out, group * outputs + k),
                      conv.pixels(), column);
      dot_products({outer, depth}, outputs, {columns, depth}, channels * conv.taps(), depth,
                   gradient, call.accumulate || n > 0);
    }
  });
}

/// Assigns a bias' gradient, the sums of the output's gradient over pixels and batch, or adds to
/// it. Shapes: NCHW.
FROSTLINE_COMPILED_ONCE void plain_bias_gradient(const Call& call, Shape out, float* bias) {
  for_each_task(call.team, out.channels, [&](int k) {
    double sum = call.accumulate ? double(bias[k]) : 0.0;
    for (int n = 0; n < call.batch; ++n) {
      const float* gradient =
          call.output_gradient + std::size_t(n) * out.size() + std::size_t(k) * out.pixels();
      for (std::size_t p = 0; p < out.pixels(); ++p) sum += double(gradient[p]);
    }
    bias[k] = float(sum);
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
