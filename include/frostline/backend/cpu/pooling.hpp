// SPDX-License-Identifier: MIT
// MaxPool2d, AvgPool2d and GlobalAveragePool on the CPU.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "frostline/backend/cpu/memory.hpp"
#include "frostline/backend/cpu/parallel.hpp"
#include "frostline/layers/avg_pool2d.hpp"
#include "frostline/layers/global_average_pool.hpp"
#include "frostline/layers/max_pool2d.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// The place of each lane's largest value in its window, as integers and as saved bytes.
typedef std::int32_t Places __attribute__((vector_size(4 * lanes)));
typedef std::uint8_t SavedPlaces __attribute__((vector_size(lanes)));

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <int Size, int Stride, int Padding>
struct Kernel<cpu, MaxPool2d<Size, Stride, Padding>> {
  static constexpr Choice choose(const Situation&) { return {Layout::blocked, Layout::blocked}; }

  template <class At>
  static void forward(const Call& call) {
    forward_rows<At::saves_for_backward>(call, detail::BlockedMap{At::in},
                                         detail::BlockedMap{At::out});
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    input_gradient_rows<At::accumulates(0)>(call, detail::BlockedMap{At::in},
                                            detail::BlockedMap{At::out});
  }

 private:
  // The saved places of a block of channels of one sample.
  static std::byte* saved_block(const Call& call, const detail::BlockedMap& out, int block) {
    return call.saved + std::size_t(block / out.blocks()) * call.saved_stride +
           std::size_t(block % out.blocks()) * out.shape.pixels() * detail::lanes;
  }
  static constexpr int start(int output) { return output * Stride - Padding; }
  // The taps of a window that are inside the image, along one axis.
  struct Taps {
    int first, last;
    Taps(int output, int size)
        : first(std::max(0, -start(output))), last(std::min(Size, size - start(output))) {}
  };
  // Calls body(column, taps) for a row of outputs; if no tap is missing, their number is a
  // constant.
  template <class Body>
  FROSTLINE_INLINE static void for_each_column(int width, int columns, Body body) {
    constexpr std::integral_constant<int, 0> none{};
    constexpr std::integral_constant<int, Size> all{};
    for (int column = 0; column < columns; ++column)
      if (const Taps taps(column, width); taps.last - taps.first == Size)
        body(column, none, all);
      else
        body(column, taps.first, taps.last);
  }

  // The loops are compiled once for all shapes.
  template <bool Keeps>
  FROSTLINE_COMPILED_ONCE static void forward_rows(const Call& call, const detail::BlockedMap& in,
                                                   const detail::BlockedMap& out) {
    detail::zero_borders(call.team, out, call.output, call.batch);
    const int height = out.shape.height, width = out.shape.width;
    for_each_task(call.team, std::ptrdiff_t(call.batch) * out.blocks() * height, [&](int task) {
      const int block = task / height, y = task % height;
      const Taps v(y, in.shape.height);
      const float* x = call.inputs[0] + block * in.block() + in.at(0, start(y), 0);
      float* to = call.output + block * out.block() + out.at(0, y, 0);
      std::byte* places = nullptr;
      if constexpr (Keeps) places = saved_block(call, out, block) + y * width * detail::lanes;
      const auto pool = [&](int column, auto first, auto last) __attribute__((always_inline)) {
        const int begin = first, end = last;
        const float* window = x + start(column) * in.pixel;
        detail::Vector most = detail::load(window + v.first * in.row() + begin * in.pixel);
        detail::Places place = detail::Places{} + (v.first * Size + begin);
        for (int ky = v.first; ky < v.last; ++ky) {
          for (int kx = begin; kx < end; ++kx) {
            const detail::Vector value = detail::load(window + ky * in.row() + kx * in.pixel);
            // As in PyTorch, NaN is larger than all numbers.
            const auto wins = (value > most) | (value != value);
            most = wins ? value : most;
            if constexpr (Keeps) place = wins ? detail::Places{} + (ky * Size + kx) : place;
          }
        }
        detail::store(to + column * detail::lanes, most);
        if constexpr (Keeps) {
          const auto bytes = __builtin_convertvector(place, detail::SavedPlaces);
          std::memcpy(places + column * detail::lanes, &bytes, sizeof bytes);
        }
      };
      for_each_column(in.shape.width, width, pool);
    });
  }

  // Row by row of the input, from the outputs whose windows contain it; threads share no row.
  template <bool Adds>
  FROSTLINE_COMPILED_ONCE static void input_gradient_rows(const Call& call,
                                                          const detail::BlockedMap& in,
                                                          const detail::BlockedMap& out) {
    if constexpr (!Adds) detail::zero_borders(call.team, in, call.input_gradients[0], call.batch);
    const int height = in.shape.height, width = out.shape.width;
    for_each_task(call.team, std::ptrdiff_t(call.batch) * in.blocks() * height, [&](int task) {
      const int block = task / height, y = task % height;
      float* dx = call.input_gradients[0] + block * in.block() + in.at(0, y, 0);
      if constexpr (!Adds) std::fill_n(dx, in.shape.width * detail::lanes, 0.0f);
      const int first_row = std::max(0, (y + Padding - Size + Stride) / Stride);
      const int last_row = std::min(out.shape.height, (y + Padding) / Stride + 1);
      for (int row = first_row; row < last_row; ++row) {
        const int tap = (y - start(row)) * Size;
        const float* dy = call.output_gradient + block * out.block() + out.at(0, row, 0);
        const std::byte* places = saved_block(call, out, block) + row * width * detail::lanes;
        const auto spread = [&](int column, auto first, auto last) __attribute__((always_inline)) {
          const int begin = first, end = last;
          detail::SavedPlaces bytes;
          std::memcpy(&bytes, places + column * detail::lanes, sizeof bytes);
          const detail::Places place = __builtin_convertvector(bytes, detail::Places) - tap;
          const detail::Vector slope = detail::load(dy + column * detail::lanes);
          float* window = dx + start(column) * detail::lanes;
          for (int kx = begin; kx < end; ++kx)
            detail::store(window + kx * detail::lanes,
                          detail::load(window + kx * detail::lanes) +
                              (place == detail::Places{} + kx ? slope : detail::Vector{}));
        };
        for_each_column(in.shape.width, width, spread);
      }
    });
  }
};

}  // namespace frostline

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// The windows of an average pooling along both axes.
struct AverageWindows {
  int kernel, stride, padding;

  // Of a window, the taps inside an image of this size.
  int first(int output) const { return std::max(0, padding - output * stride); }
  int last(int output, int size) const {
    return std::min(kernel, size + padding - output * stride);
  }
  // The outputs whose windows contain an input.
  int first_output(int input) const {
    return std::max(0, (input + padding - kernel + stride) / stride);
  }
  int last_output(int input, int outputs) const {
    return std::min(outputs, (input + padding) / stride + 1);
  }
};

FROSTLINE_COMPILED_ONCE void window_average_forward(const Call& call, const AverageWindows& windows,
                                                    const BlockedMap& in, const BlockedMap& out) {
  zero_borders(call.team, out, call.output, call.batch);
  const int height = out.shape.height;
  const Vector taps = splat(float(windows.kernel * windows.kernel));
  for_each_task(call.team, std::ptrdiff_t(call.batch) * out.blocks() * height, [&](int task) {
    const int block = task / height, y = task % height;
    const float* x = call.inputs[0] + block * in.block();
    float* to = call.output + block * out.block();
    const int top = y * windows.stride - windows.padding;
    for (int column = 0; column < out.shape.width; ++column) {
      const int left = column * windows.stride - windows.padding;
      Vector sum{};
      for (int ky = windows.first(y); ky < windows.last(y, in.shape.height); ++ky)
        for (int kx = windows.first(column); kx < windows.last(column, in.shape.width); ++kx)
          sum += load(x + in.at(0, top + ky, left + kx));
      store(to + out.at(0, y, column), sum / taps);
    }
  });
}
/// Row by row of the input, from the outputs whose windows contain it; threads share no row.
template <bool Adds>
FROSTLINE_COMPILED_ONCE void window_average_input_gradient(const Call& call,
                                                           const AverageWindows& windows,
                                                           const BlockedMap& in,
                                                           const BlockedMap& out) {
  if constexpr (!Adds) zero_borders(call.team, in, call.input_gradients[0], call.batch);
  const int height = in.shape.height;
  const Vector taps = splat(float(windows.kernel * windows.kernel));
  for_each_task(call.team, std::ptrdiff_t(call.batch) * in.blocks() * height, [&](int task) {
    const int block = task / height, y = task % height;
    const float* dy = call.output_gradient + block * out.block();
    float* dx = call.input_gradients[0] + block * in.block();
    const int last_row = windows.last_output(y, out.shape.height);
    for (int x = 0; x < in.shape.width; ++x) {
      const int last_column = windows.last_output(x, out.shape.width);
      float* to = dx + in.at(0, y, x);
      Vector sum = Adds ? load(to) : Vector{};
      for (int row = windows.first_output(y); row < last_row; ++row)
        for (int column = windows.first_output(x); column < last_column; ++column)
          sum += load(dy + out.at(0, row, column)) / taps;
      store(to, sum);
    }
  });
}

FROSTLINE_COMPILED_ONCE void average_forward(const Call& call, const BlockedMap& in) {
  const int channels = in.shape.channels;
  for_each_task(call.team, std::ptrdiff_t(call.batch) * in.blocks(), [&](int task) {
    const float* x = call.inputs[0] + task * in.block();
    double sums[lanes]{};
    for (int row = 0; row < in.shape.height; ++row) {
      Vector sum{};
      for (int column = 0; column < in.shape.width; ++column)
        sum += load(x + in.at(0, row, column));
      for (int i = 0; i < lanes; ++i) sums[i] += double(sum[i]);
    }
    const int first = task % in.blocks() * lanes;
    float* y = call.output + std::ptrdiff_t(task / in.blocks()) * channels + first;
    for (int i = 0; i < std::min(lanes, channels - first); ++i)
      y[i] = float(sums[i] / double(in.shape.pixels()));
  });
}
template <bool Adds>
FROSTLINE_COMPILED_ONCE void average_input_gradient(const Call& call, const BlockedMap& in) {
  const int channels = in.shape.channels;
  const float share = 1 / float(in.shape.pixels());
  for_each_task(call.team, std::ptrdiff_t(call.batch) * in.blocks(), [&](int task) {
    const int first = task % in.blocks() * lanes;
    const float* dy = call.output_gradient + std::ptrdiff_t(task / in.blocks()) * channels + first;
    float* dx = call.input_gradients[0] + task * in.block();
    Vector slope{};
    for (int i = 0; i < std::min(lanes, channels - first); ++i) slope[i] = dy[i] * share;
    for (int row = 0; row < in.shape.height; ++row)
      for (int column = 0; column < in.shape.width; ++column) {
        float* to = dx + in.at(0, row, column);
        store(to, Adds ? load(to) + slope : slope);
      }
    if constexpr (!Adds) zero_border(in, dx);
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <int Size, int Stride, int Padding>
struct Kernel<cpu, AvgPool2d<Size, Stride, Padding>> {
  static constexpr Choice choose(const Situation&) { return {Layout::blocked, Layout::blocked}; }
  template <class At>
  static void forward(const Call& call) {
    detail::window_average_forward(call, {Size, Stride, Padding}, detail::BlockedMap{At::in},
                                   detail::BlockedMap{At::out});
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::window_average_input_gradient<At::accumulates(0)>(
        call, {Size, Stride, Padding}, detail::BlockedMap{At::in}, detail::BlockedMap{At::out});
  }
};

template <>
struct Kernel<cpu, GlobalAveragePool> {
  static constexpr Choice choose(const Situation&) { return {Layout::blocked, Layout::plain}; }
  template <class At>
  static void forward(const Call& call) {
    detail::average_forward(call, detail::BlockedMap{At::in});
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::average_input_gradient<At::accumulates(0)>(call, detail::BlockedMap{At::in});
  }
};

}  // namespace frostline
