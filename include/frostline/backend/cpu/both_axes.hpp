// SPDX-License-Identifier: MIT
// BothAxes: the two-dimensional transforms of a fast convolution, made from one-dimensional ones.
#pragma once

#include "frostline/backend/cpu/simd.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// The transforms of Axis (ToomCook, StridedToomCook) along both axes of tiles of vectors. Products
/// are numbered row by row. Loops over an axis are not unrolled: the values between the two axes do
/// not fit into registers, and unrolled loops take many times as long to compile and are hardly
/// faster.
template <class Axis>
struct BothAxes : Axis {
  using Axis::kernels;
  using Axis::outputs;
  using Axis::points;
  using Axis::taps;

  /// Tiles are adjacent in memory, but there are more products than the processor's prefetcher
  /// follows: for large transforms the next line is prefetched here.
  static constexpr bool far = points > 8;
  static constexpr int line = 16;
  /// v[product] = B^T d B. Units: floats from one row, pixel or product to the next.
  FROSTLINE_INLINE static void input_tile(const float* d, std::ptrdiff_t row, std::ptrdiff_t pixel,
                                          float* v, std::ptrdiff_t step) {
    to_points<points>(
        d, row, pixel, v, step,
        [](const Vector* x, Vector* r) __attribute__((always_inline)) { Axis::input(x, r); });
  }
  /// z[product] = A y A^T, the transpose of output_tile's.
  FROSTLINE_INLINE static void output_gradient_tile(const float* y, std::ptrdiff_t row,
                                                    std::ptrdiff_t pixel, float* z,
                                                    std::ptrdiff_t step) {
    to_points<outputs>(
        y, row, pixel, z, step, [](const Vector* x, Vector* r) __attribute__((always_inline)) {
          Axis::output_transposed(x, r);
        });
  }
  /// Rows of A^T m A: calls take(y, a row of outputs) for the first `count` rows.
  template <class Take>
  FROSTLINE_INLINE static void output_tile(const float* m, std::ptrdiff_t step, int count,
                                           Take take) {
    Vector half[outputs][points];
    FROSTLINE_NO_UNROLL
    for (int x = 0; x < points; ++x) {
      Vector column[points], to[outputs];
      FROSTLINE_UNROLL
      for (int y = 0; y < points; ++y) {
        column[y] = load(m + (y * points + x) * step);
        if (far) __builtin_prefetch(m + (y * points + x) * step + line, 0);
      }
      Axis::output(column, to);
      FROSTLINE_UNROLL
      for (int y = 0; y < outputs; ++y) half[y][x] = to[y];
    }
    FROSTLINE_NO_UNROLL
    for (int y = 0; y < outputs; ++y) {
      if (y >= count) break;
      Vector to[outputs];
      Axis::output(half[y], to);
      take(y, to);
    }
  }
  /// u[product] = G g G^T.
  template <class T>
  FROSTLINE_INLINE static void kernel_tile(const T (&g)[taps][taps], T (&u)[kernels][kernels]) {
    T half[kernels][taps];
    for (int x = 0; x < taps; ++x) {
      T column[taps], to[kernels];
      for (int y = 0; y < taps; ++y) column[y] = g[y][x];
      Axis::kernel(column, to);
      for (int y = 0; y < kernels; ++y) half[y][x] = to[y];
    }
    for (int y = 0; y < kernels; ++y) Axis::kernel(half[y], u[y]);
  }

 private:
  /// Transforms the columns, then the rows, of Size x Size vectors.
  template <int Size, class Transform>
  FROSTLINE_INLINE static void to_points(const float* d, std::ptrdiff_t row, std::ptrdiff_t pixel,
                                         float* v, std::ptrdiff_t step, Transform transform) {
    Vector half[points][Size];
    FROSTLINE_NO_UNROLL
    for (int x = 0; x < Size; ++x) {
      Vector column[Size], to[points];
      FROSTLINE_UNROLL
      for (int y = 0; y < Size; ++y) column[y] = load(d + y * row + x * pixel);
      transform(column, to);
      FROSTLINE_UNROLL
      for (int y = 0; y < points; ++y) half[y][x] = to[y];
    }
    FROSTLINE_NO_UNROLL
    for (int y = 0; y < points; ++y) {
      Vector to[points];
      transform(half[y], to);
      FROSTLINE_UNROLL
      for (int x = 0; x < points; ++x) {
        store(v + (y * points + x) * step, to[x]);
        if (far) __builtin_prefetch(v + (y * points + x) * step + line, 1);
      }
    }
  }
};

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
