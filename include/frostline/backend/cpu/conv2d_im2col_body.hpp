// SPDX-License-Identifier: MIT
// The bodies of backend/cpu/conv2d_im2col.hpp.
#pragma once

#include "frostline/backend/cpu/conv2d_im2col.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

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
