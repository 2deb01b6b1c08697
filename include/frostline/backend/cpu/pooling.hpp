// SPDX-License-Identifier: MIT
// MaxPool2d and GlobalAveragePool on the CPU: one plane a task.
#pragma once

#include <algorithm>
#include <limits>

#include "frostline/backend/cpu/elementwise.hpp"
#include "frostline/graph/node.hpp"
#include "frostline/layers/global_average_pool.hpp"
#include "frostline/layers/max_pool2d.hpp"

namespace frostline {

template <int Size, int Stride, int Padding>
struct Kernel<cpu, MaxPool2d<Size, Stride, Padding>> {
  template <class At>
  static void forward(const Call& call) {
    for_each_task(call.threads, call.batch * At::in.channels, [&](int plane) {
      const float* x = call.inputs[0] + std::size_t(plane) * At::in.pixels();
      float* y = call.output + std::size_t(plane) * At::out.pixels();
      std::byte* places = saved_plane<At>(call, plane);
      for (int row = 0; row < At::out.height; ++row)
        for (int column = 0; column < At::out.width; ++column) {
          float most = -std::numeric_limits<float>::infinity();
          int place = no_node;
          for_each_tap<At>(row, column, [&](int tap, int pixel) {
            // As in PyTorch, not-a-number wins over everything.
            if (place == no_node || x[pixel] > most || x[pixel] != x[pixel]) {
              most = x[pixel];
              place = tap;
            }
          });
          *y++ = most;
          if constexpr (At::keeps) *places++ = std::byte(place);
        }
    });
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    for_each_task(call.threads, call.batch * At::in.channels, [&](int plane) {
      float* dx = call.input_gradients[0] + std::size_t(plane) * At::in.pixels();
      const float* dy = call.output_gradient + std::size_t(plane) * At::out.pixels();
      const std::byte* places = saved_plane<At>(call, plane);
      if constexpr (!At::adds(0)) std::fill_n(dx, At::in.pixels(), 0.0f);
      for (int row = 0; row < At::out.height; ++row)
        for (int column = 0; column < At::out.width; ++column) {
          const int tap = int(*places++);
          const int y = row * Stride - Padding + tap / Size;
          const int x = column * Stride - Padding + tap % Size;
          dx[y * At::in.width + x] += *dy++;
        }
    });
  }

 private:
  template <class At>
  static std::byte* saved_plane(const Call& call, int plane) {
    const int n = plane / At::in.channels, channel = plane % At::in.channels;
    return call.saved + std::size_t(n) * call.saved_stride +
           std::size_t(channel) * At::out.pixels();
  }
  template <class At, class Visit>
  static void for_each_tap(int row, int column, Visit visit) {
    const int top = row * Stride - Padding, left = column * Stride - Padding;
    for (int ky = std::max(0, -top); ky < std::min(Size, At::in.height - top); ++ky)
      for (int kx = std::max(0, -left); kx < std::min(Size, At::in.width - left); ++kx)
        visit(ky * Size + kx, (top + ky) * At::in.width + left + kx);
  }
};

template <>
struct Kernel<cpu, GlobalAveragePool> {
  template <class At>
  static void forward(const Call& call) {
    for_each_task(call.threads, call.batch * At::in.channels, [&](int plane) {
      const float* x = call.inputs[0] + std::size_t(plane) * At::in.pixels();
      double sum = 0;
      for (std::size_t p = 0; p < At::in.pixels(); ++p) sum += double(x[p]);
      call.output[plane] = float(sum / double(At::in.pixels()));
    });
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    constexpr float share = 1 / float(At::in.pixels());
    for_each_task(call.threads, call.batch * At::in.channels, [&](int plane) {
      float* dx = call.input_gradients[0] + std::size_t(plane) * At::in.pixels();
      for (std::size_t p = 0; p < At::in.pixels(); ++p)
        put<At::adds(0)>(dx[p], call.output_gradient[plane] * share);
    });
  }
};

}  // namespace frostline
