// SPDX-License-Identifier: MIT
// MaxPool2d and GlobalAveragePool with Thrust.
#pragma once

#include <cstdint>

#include "frostline/backend/thrust/reduce.hpp"
#include "frostline/layers/global_average_pool.hpp"
#include "frostline/layers/max_pool2d.hpp"

namespace frostline::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// The windows of a max pooling, and where each output's largest value was saved.
struct Pool {
  int channels, in_height, in_width, height, width, kernel, stride, padding;
  std::uint8_t* places;  // null: not wanted
  std::ptrdiff_t places_stride;

  FROSTLINE_DEVICE std::uint8_t& place(int n, int channel, int y, int x) const {
    return places[n * places_stride + (std::ptrdiff_t(channel) * height + y) * width + x];
  }
};
struct Largest {
  Pool pool;
  const float* x;
  float* y;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const int column = int(i % pool.width), row = int(i / pool.width % pool.height);
    const auto plane = i / pool.width / pool.height;
    const float* from = x + plane * pool.in_height * pool.in_width;
    float most = 0;
    int place = -1;
    for (int ky = 0; ky < pool.kernel; ++ky)
      for (int kx = 0; kx < pool.kernel; ++kx) {
        const int iy = row * pool.stride - pool.padding + ky;
        const int ix = column * pool.stride - pool.padding + kx;
        if (iy < 0 || iy >= pool.in_height || ix < 0 || ix >= pool.in_width) continue;
        const float value = from[iy * pool.in_width + ix];
        // As in PyTorch, not-a-number wins over everything.
        if (place >= 0 && !(value > most) && value == value) continue;
        most = value;
        place = ky * pool.kernel + kx;
      }
    y[i] = most;
    if (pool.places)
      pool.place(int(plane / pool.channels), int(plane % pool.channels), row, column) =
          std::uint8_t(place);
  }
};
/// A pixel gathers the gradients of the outputs that took its value.
struct LargestGradient {
  Pool pool;
  const float* dy;
  float* dx;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const int ix = int(i % pool.in_width) + pool.padding;
    const int iy = int(i / pool.in_width % pool.in_height) + pool.padding;
    const auto plane = i / pool.in_width / pool.in_height;
    const float* from = dy + plane * pool.height * pool.width;
    float sum = 0;
    for (int ky = 0; ky < pool.kernel; ++ky)
      for (int kx = 0; kx < pool.kernel; ++kx) {
        if (iy < ky || ix < kx || (iy - ky) % pool.stride || (ix - kx) % pool.stride) continue;
        const int row = (iy - ky) / pool.stride, column = (ix - kx) / pool.stride;
        if (row >= pool.height || column >= pool.width) continue;
        if (pool.place(int(plane / pool.channels), int(plane % pool.channels), row, column) ==
            ky * pool.kernel + kx)
          sum += from[row * pool.width + column];
      }
    put(dx[i], sum, adds);
  }
};

template <class AnyCall>
FROSTLINE_SHARED void max_pool_forward(const AnyCall& call, const Pool& pool) {
  for_each_index(call.context,
                 std::ptrdiff_t(call.batch) * pool.channels * pool.height * pool.width,
                 Largest{pool, call.inputs[0], call.output});
}
template <class AnyCall>
FROSTLINE_SHARED void max_pool_input_gradient(const AnyCall& call, const Pool& pool, bool adds) {
  for_each_index(call.context,
                 std::ptrdiff_t(call.batch) * pool.channels * pool.in_height * pool.in_width,
                 LargestGradient{pool, call.output_gradient, call.input_gradients[0], adds});
}

struct PlaneItem {
  const float* x;
  std::ptrdiff_t pixels;
  FROSTLINE_DEVICE Sums operator()(std::ptrdiff_t plane, std::ptrdiff_t i) const {
    return {double(x[plane * pixels + i]), 0};
  }
};
struct PutMean {
  float* y;
  std::ptrdiff_t pixels;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t plane, const Sums& sums) const {
    y[plane] = float(sums.first / double(pixels));
  }
};
struct Share {
  const float* dy;
  float* dx;
  std::ptrdiff_t pixels;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    put(dx[i], dy[i / pixels] / float(pixels), adds);
  }
};

template <class AnyCall>
FROSTLINE_SHARED void average_forward(const AnyCall& call, Shape in) {
  const auto pixels = std::ptrdiff_t(in.pixels());
  sum_rows(call.context, std::ptrdiff_t(call.batch) * in.channels, pixels,
           PlaneItem{call.inputs[0], pixels}, PutMean{call.output, pixels});
}
template <class AnyCall>
FROSTLINE_SHARED void average_input_gradient(const AnyCall& call, Shape in, bool adds) {
  for_each_index(
      call.context, call.batch * std::ptrdiff_t(in.size()),
      Share{call.output_gradient, call.input_gradients[0], std::ptrdiff_t(in.pixels()), adds});
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::device

namespace frostline {

template <int Size, int Stride, int Padding>
struct Kernel<thrust_backend, MaxPool2d<Size, Stride, Padding>> {
  template <class At>
  static device::Pool pool(const Call& call, bool keeps) {
    return {At::in.channels,
            At::in.height,
            At::in.width,
            At::out.height,
            At::out.width,
            Size,
            Stride,
            Padding,
            keeps ? reinterpret_cast<std::uint8_t*>(call.saved) : nullptr,
            std::ptrdiff_t(call.saved_stride)};
  }
  template <class At>
  static void forward(const Call& call) {
    device::max_pool_forward(call, pool<At>(call, At::keeps));
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    device::max_pool_input_gradient(call, pool<At>(call, true), At::adds(0));
  }
};

template <>
struct Kernel<thrust_backend, GlobalAveragePool> {
  template <class At>
  static void forward(const Call& call) {
    device::average_forward(call, At::in);
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    device::average_input_gradient(call, At::in, At::adds(0));
  }
};

}  // namespace frostline
