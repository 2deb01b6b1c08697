// SPDX-License-Identifier: MIT
// MaxPool2d, AvgPool2d and GlobalAveragePool with Thrust.
#pragma once

#include <cstdint>

#include "frostline/backend/thrust/reduce.hpp"
#include "frostline/layers/avg_pool2d.hpp"
#include "frostline/layers/global_average_pool.hpp"
#include "frostline/layers/max_pool2d.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// The windows of a max pooling, and where each output's largest value was saved.
struct Pool {
  int channels, in_height, in_width, height, width, kernel, stride, padding;
  std::uint8_t* places;  // null: not saved
  std::ptrdiff_t places_stride;

  FROSTLINE_DEVICE std::uint8_t& place(int n, int channel, int y, int x) const {
    return places[n * places_stride + (std::ptrdiff_t(channel) * height + y) * width + x];
  }
};

/// The largest value so far, and its place in the window. As in PyTorch, the first of equal values
/// wins, and not-a-number wins over all numbers.
struct Candidate {
  float value = 0;
  int place = -1;
  FROSTLINE_DEVICE void consider(float other, int its_place) {
    if (place >= 0 && !(other > value) && other == other) return;
    value = other;
    place = its_place;
  }
};

#if FROSTLINE_CUDA
/// A warp computes 32 neighbouring outputs of a row. It reads rows of the input in runs of whole
/// sectors, from which each lane gets the values of its window.
template <int Size>
__global__ void max_pool_kernel(Pool pool, std::ptrdiff_t rows, const float* x, float* y) {
  constexpr int warp = 32, sector = 8;
  const int lane = int(threadIdx.x), segments = (pool.width + warp - 1) / warp;
  const auto task = std::ptrdiff_t(blockIdx.x) * blockDim.y + threadIdx.y;
  if (task >= rows * segments) return;  // a whole warp
  const int first = int(task % segments) * warp, row = int(task / segments % pool.height);
  const std::ptrdiff_t plane = task / segments / pool.height;
  const float* from = x + plane * pool.in_height * pool.in_width;
  const int left = first * pool.stride - pool.padding;
  const int start = left - ((left % sector) + sector) % sector;
  const int outputs = pool.width - first < warp ? pool.width - first : warp;
  const int end = left + (outputs - 1) * pool.stride + Size;  // past the last column read
  Candidate best;
  for (int ky = 0; ky < Size; ++ky) {
    const int iy = row * pool.stride - pool.padding + ky;
    if (iy < 0 || iy >= pool.in_height) continue;
    for (int run = start; run < end; run += warp) {
      const int column = run + lane;
      const float mine = column >= 0 && column < pool.in_width && column < end
                             ? from[iy * pool.in_width + column]
                             : 0.0f;
#pragma unroll
      for (int kx = 0; kx < Size; ++kx) {
        const int wanted = left + lane * pool.stride + kx;
        const float value = __shfl_sync(0xffffffffu, mine, (wanted - run) & (warp - 1));
        if (wanted >= run && wanted < run + warp && wanted >= 0 && wanted < pool.in_width)
          best.consider(value, ky * Size + kx);
      }
    }
  }
  if (lane >= outputs) return;
  y[(plane * pool.height + row) * pool.width + first + lane] = best.value;
  if (pool.places)
    pool.place(int(plane / pool.channels), int(plane % pool.channels), row, first + lane) =
        std::uint8_t(best.place);
}
#else
/// Computes the same as the kernel, one output at a time.
struct Largest {
  Pool pool;
  const float* x;
  float* y;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const int column = int(i % pool.width), row = int(i / pool.width % pool.height);
    const auto plane = i / pool.width / pool.height;
    const float* from = x + plane * pool.in_height * pool.in_width;
    Candidate best;
    for (int ky = 0; ky < pool.kernel; ++ky)
      for (int kx = 0; kx < pool.kernel; ++kx) {
        const int iy = row * pool.stride - pool.padding + ky;
        const int ix = column * pool.stride - pool.padding + kx;
        if (iy < 0 || iy >= pool.in_height || ix < 0 || ix >= pool.in_width) continue;
        best.consider(from[iy * pool.in_width + ix], ky * pool.kernel + kx);
      }
    y[i] = best.value;
    if (pool.places)
      pool.place(int(plane / pool.channels), int(plane % pool.channels), row, column) =
          std::uint8_t(best.place);
  }
};
#endif
/// Each pixel sums the gradients of the outputs that have its value.
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

template <int Size>
void max_pool_forward(const Call& call, const Pool& pool) {
  const std::ptrdiff_t rows = std::ptrdiff_t(call.batch) * pool.channels * pool.height;
#if FROSTLINE_CUDA
  constexpr int warps = 8;
  const std::ptrdiff_t tasks = rows * ((pool.width + 31) / 32);
  max_pool_kernel<Size>
      <<<unsigned((tasks + warps - 1) / warps), dim3(32, warps), 0,
         context_of(call.context).stream()>>>(pool, rows, call.inputs[0], call.output);
#else
  for_each_index(call.context, rows * pool.width, Largest{pool, call.inputs[0], call.output});
#endif
}
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void max_pool_input_gradient(const AnyCall& call, const Pool& pool,
                                                     bool adds) {
  for_each_index(call.context,
                 std::ptrdiff_t(call.batch) * pool.channels * pool.in_height * pool.in_width,
                 LargestGradient{pool, call.output_gradient, call.input_gradients[0], adds});
}

/// The mean of each window of an AvgPool2d; padding counts as zeros.
struct WindowMean {
  Pool pool;
  const float* x;
  float* y;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const int column = int(i % pool.width), row = int(i / pool.width % pool.height);
    const auto plane = i / pool.width / pool.height;
    const float* from = x + plane * pool.in_height * pool.in_width;
    float sum = 0;
    for (int ky = 0; ky < pool.kernel; ++ky)
      for (int kx = 0; kx < pool.kernel; ++kx) {
        const int iy = row * pool.stride - pool.padding + ky;
        const int ix = column * pool.stride - pool.padding + kx;
        if (iy >= 0 && iy < pool.in_height && ix >= 0 && ix < pool.in_width)
          sum += from[iy * pool.in_width + ix];
      }
    y[i] = sum / float(pool.kernel * pool.kernel);
  }
};
/// Each pixel sums its share of the gradients of the outputs whose windows contain it.
struct WindowMeanGradient {
  Pool pool;
  const float* dy;
  float* dx;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const int ix = int(i % pool.in_width) + pool.padding;
    const int iy = int(i / pool.in_width % pool.in_height) + pool.padding;
    const float* from = dy + i / pool.in_width / pool.in_height * pool.height * pool.width;
    float sum = 0;
    for (int ky = 0; ky < pool.kernel; ++ky)
      for (int kx = 0; kx < pool.kernel; ++kx) {
        if (iy < ky || ix < kx || (iy - ky) % pool.stride || (ix - kx) % pool.stride) continue;
        const int row = (iy - ky) / pool.stride, column = (ix - kx) / pool.stride;
        if (row < pool.height && column < pool.width)
          sum += from[row * pool.width + column] / float(pool.kernel * pool.kernel);
      }
    put(dx[i], sum, adds);
  }
};

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
FROSTLINE_COMPILED_ONCE void average_forward(const AnyCall& call, Shape in) {
  const auto pixels = std::ptrdiff_t(in.pixels());
  sum_rows(call.context, std::ptrdiff_t(call.batch) * in.channels, pixels,
           PlaneItem{call.inputs[0], pixels}, PutMean{call.output, pixels});
}
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void average_input_gradient(const AnyCall& call, Shape in, bool adds) {
  for_each_index(
      call.context, call.batch * std::ptrdiff_t(in.size()),
      Share{call.output_gradient, call.input_gradients[0], std::ptrdiff_t(in.pixels()), adds});
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

template <int Size, int Stride, int Padding>
struct Kernel<thrust_backend, MaxPool2d<Size, Stride, Padding>> {
  template <class At>
  static detail::device::Pool pool(const Call& call, bool saves) {
    return {At::in.channels,
            At::in.height,
            At::in.width,
            At::out.height,
            At::out.width,
            Size,
            Stride,
            Padding,
            saves ? reinterpret_cast<std::uint8_t*>(call.saved) : nullptr,
            std::ptrdiff_t(call.saved_stride)};
  }
  template <class At>
  static void forward(const Call& call) {
    detail::device::max_pool_forward<Size>(call, pool<At>(call, At::saves_for_backward));
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::device::max_pool_input_gradient(call, pool<At>(call, true), At::accumulates(0));
  }
};

template <int Size, int Stride, int Padding>
struct Kernel<thrust_backend, AvgPool2d<Size, Stride, Padding>> {
  template <class At>
  static void forward(const Call& call) {
    detail::device::for_each_index(
        call.context, call.batch * std::ptrdiff_t(At::out.size()),
        detail::device::WindowMean{pool<At>(), call.inputs[0], call.output});
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::device::for_each_index(
        call.context, call.batch * std::ptrdiff_t(At::in.size()),
        detail::device::WindowMeanGradient{pool<At>(), call.output_gradient,
                                           call.input_gradients[0], At::accumulates(0)});
  }

 private:
  template <class At>
  static detail::device::Pool pool() {
    return {At::in.channels, At::in.height,
            At::in.width,    At::out.height,
            At::out.width,   Size,
            Stride,          Padding,
            nullptr,         0};
  }
};

template <>
struct Kernel<thrust_backend, GlobalAveragePool> {
  template <class At>
  static void forward(const Call& call) {
    detail::device::average_forward(call, At::in);
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::device::average_input_gradient(call, At::in, At::accumulates(0));
  }
};

}  // namespace frostline
