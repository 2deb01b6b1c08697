// SPDX-License-Identifier: MIT
// WeightView and Epilogue: the arguments of a convolution's kernels besides values.
#pragma once

#include "frostline/backend/cpu/simd.hpp"
#include "frostline/core/kernel.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// A convolution's weights in any order: its own, or transposed and flipped for its backward.
struct WeightView {
  const float* data = nullptr;
  int outputs = 0, inputs = 0;
  std::ptrdiff_t output = 0, input = 0, row = 0, column = 0;  // strides in floats, may be negative
  const float* scale = nullptr;                               // a factor per output, or null for 1

  /// A weight; zero after the last output or input, as padded blocks need it.
  constexpr float at(int k, int c, int y, int x) const {
    if (k >= outputs || c >= inputs) return 0.0f;
    const float weight = data[k * output + c * input + y * row + x * column];
    return scale ? weight * scale[k] : weight;
  }
  /// Weights in PyTorch's order: (outputs, inputs, size, size).
  static constexpr WeightView of(const float* data, int outputs, int inputs, int size) {
    const std::ptrdiff_t taps = std::ptrdiff_t(size) * size;
    return {data, outputs, inputs, inputs * taps, taps, size, 1};
  }
  /// The same with the roles of inputs and outputs swapped.
  static constexpr WeightView transposed(const float* data, int outputs, int inputs, int size) {
    const std::ptrdiff_t taps = std::ptrdiff_t(size) * size;
    return {data, inputs, outputs, taps, inputs * taps, size, 1};
  }
  /// The weights of the convolution that computes the input's gradient: outputs and inputs are
  /// swapped, taps flipped.
  static constexpr WeightView backward(const float* data, int outputs, int inputs, int size) {
    const std::ptrdiff_t taps = std::ptrdiff_t(size) * size;
    return {data + taps - 1, inputs, outputs, taps, inputs * taps, -size, -1};
  }
};

/// The operations on a convolution's sum before it is stored: y = sum + shift (+ added) (then
/// ReLU or ReLU6).
struct Epilogue {
  const float* shift = nullptr;  // whole blocks of channels, or null for 0
  const float* added = nullptr;  // in the output's layout, may be the output itself; or null
  Rectifier rectifier = Rectifier::none;

  /// `at` is the output's offset.
  FROSTLINE_INLINE Vector apply(Vector sum, std::ptrdiff_t at) const {
    if (added) sum += load(added + at);
    if (rectifier == Rectifier::none) return sum;
    return rectifier == Rectifier::relu ? relu(sum) : relu6(sum);
  }
  /// Applies it to a register tile, and stores the sums at out + place(pixel, vector): each
  /// decision is made once for all of them.
  template <int Pixels, int Vectors, class Place>
  FROSTLINE_INLINE void store_tile(Tile<Pixels, Vectors>& tile, Place place, float* out) const {
    const auto each = [&](auto visit) __attribute__((always_inline)) {
      FROSTLINE_UNROLL
      for (int p = 0; p < Pixels; ++p) FROSTLINE_UNROLL
      for (int v = 0; v < Vectors; ++v) visit(tile.sums[p][v], place(p, v));
    };
    if (added)
      each([&](Vector & sum, std::ptrdiff_t at)
               __attribute__((always_inline)) { sum += load(added + at); });
    if (rectifier == Rectifier::relu)
      each([](Vector & sum, std::ptrdiff_t) __attribute__((always_inline)) { sum = relu(sum); });
    if (rectifier == Rectifier::relu6)
      each([](Vector & sum, std::ptrdiff_t) __attribute__((always_inline)) { sum = relu6(sum); });
    each([&](Vector & sum, std::ptrdiff_t at)
             __attribute__((always_inline)) { store(out + at, sum); });
  }
};

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
