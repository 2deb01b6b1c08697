// SPDX-License-Identifier: MIT
// ToomCook: the transforms of fast short convolutions, computed from their points at compile time.
#pragma once

#include "frostline/backend/cpu/multiply_matrix.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// Whether infinity is one of the points of F(outputs, taps). Without it the points are symmetric,
/// the transforms cheaper and the errors smaller; with it a tile without its last output needs one
/// product less.
constexpr bool has_infinity(int outputs, int taps) {
  const int points = outputs + taps - 1;
  return points % 2 == 0 || taps == 2 || (points == 7 && taps == 3);
}

/// F(M, R): M neighbouring outputs of a filter of R taps from M + R - 1 inputs d and as many
/// products: y = A^T ((G g) * (B^T d)). The points are 0, pairs +-p, sometimes a single one, and
/// sometimes infinity, which only the last output needs. They are dyadic, so that B^T and A^T are
/// exact in floats. A search chose those with the least error in 2d convolutions of 128 channels:
/// relative L2 error about 8e-7 for F(4, 3), 2e-6 for F(5, 3), 9e-6 for F(7, 3), 1.6e-6 for F(4,
/// 4).
/// Source: Toom 1963, Cook 1966; Lavin & Gray 2015, "Fast Algorithms for Convolutional Neural
/// Networks"; Barabasz et al. 2018, "Error Analysis and Improving the Accuracy of Winograd
/// Convolution for Deep Neural Networks".
template <int M, int R>
struct ToomCook {
  static constexpr int outputs = M, taps = R;
  static constexpr int points = M + R - 1;  // inputs, and products
  static constexpr int kernels = points;    // transformed taps
  static constexpr bool infinity = has_infinity(M, R);
  static constexpr int finite = points - int(infinity);
  static_assert(points <= 9, "frostline: ToomCook requires at most 9 points");

  static constexpr double point(int i) {
    constexpr double few[] = {0, 1, -1};
    constexpr double six[] = {0, 0.625, -0.625, 1.5, -1.5};
    constexpr double seven[] = {0, 0.5, -0.5, 1.125, -1.125, 3};
    constexpr double symmetric_seven[] = {0, 0.5, -0.5, 1.25, -1.25, 4, -4};
    constexpr double eight[] = {0, 0.5, -0.5, 1, -1, 2, -2};
    constexpr double nine[] = {0, 0.5, -0.5, 0.875, -0.875, 1.5, -1.5, 4, -4};
    if (points <= 4) return few[i];
    if (points <= 6) return six[i];
    if (points == 7) return infinity ? seven[i] : symmetric_seven[i];
    return points == 8 ? eight[i] : nine[i];
  }
  /// Whether point i + 1 is minus point i.
  static constexpr bool starts_pair(int i) { return i % 2 == 1 && i + 1 < finite; }
  static constexpr bool ends_pair(int i) { return i > 0 && starts_pair(i - 1); }

  /// kernel is G. The other matrices have the parts that pairs share: with f the product of all (x
  /// - point) and h = f / ((x - p) (x + p)), a pair's rows of B^T are x h + p h and x h - p h, so
  /// input has h and x h instead; output multiplies the sum and the difference of a pair's
  /// products.
  struct Tables {
    double input[points][points]{}, kernel[points][R]{}, output[M][points]{};
  };
  static constexpr Tables make() {
    Tables t;
    double f[points + 2]{1};  // coefficients, the constant first
    for (int i = 0; i < finite; ++i)
      for (int d = i + 1; d >= 0; --d) f[d] = (d > 0 ? f[d - 1] : 0) - point(i) * f[d];
    for (int i = 0; i < finite; ++i) {
      double quotient[points + 1]{}, h[points + 1]{}, scale = 1;
      for (int d = finite; d > 0; --d) quotient[d - 1] = f[d] + point(i) * quotient[d];
      for (int d = finite; d > 0; --d) h[d - 1] = quotient[d] - point(i) * h[d];
      for (int d = 0; d < points; ++d) {
        if (starts_pair(i)) t.input[i][d] = h[d];
        if (ends_pair(i)) t.input[i][d] = d > 0 ? h[d - 1] : 0;
        if (!starts_pair(i) && !ends_pair(i)) t.input[i][d] = quotient[d];
      }
      for (int k = 0; k < finite; ++k) scale *= k == i ? 1 : point(i) - point(k);
      double power = 1;
      for (int d = 0; d < R; ++d, power *= point(i)) t.kernel[i][d] = power / scale;
      power = 1;
      for (int d = 0; d < M; ++d, power *= ends_pair(i) ? -point(i) : point(i))
        t.output[d][i] = (starts_pair(i) && d % 2 == 1) || (ends_pair(i) && d % 2 == 0) ? 0 : power;
    }
    if constexpr (infinity) {
      for (int d = 0; d < points; ++d) t.input[finite][d] = f[d];
      t.kernel[finite][R - 1] = 1;
      t.output[M - 1][finite] = 1;
    }
    return t;
  }
  static constexpr Tables tables = make();

  /// r = B^T d. Unrolled; r must not be d.
  FROSTLINE_INLINE static void input(const Vector* d, Vector* r) {
    multiply_matrix<points, points>([](int i, int j) { return tables.input[i][j]; }, d, r);
    for_each_pair([&](auto i) __attribute__((always_inline)) {
      constexpr float p = float(point(i));
      const Vector odd = r[i], even = r[i + 1];
      r[i] = p == 1 ? even + odd : even + p * odd;
      r[i + 1] = p == 1 ? even - odd : even - p * odd;
    });
  }
  /// r = A^T m. Unrolled; changes m.
  FROSTLINE_INLINE static void output(Vector* m, Vector* r) {
    for_each_pair([&](auto i) __attribute__((always_inline)) { add_and_subtract(m + i); });
    multiply_matrix<M, points>([](int i, int j) { return tables.output[i][j]; }, m, r);
  }
  /// r = G g, for floating-point numbers or vectors of them.
  template <class T>
  FROSTLINE_INLINE static void kernel(const T* g, T* r) {
    multiply_matrix<points, R>([](int i, int j) { return tables.kernel[i][j]; }, g, r);
  }
  // y is linear in g, and these are the transposes for g's gradient: G^T ((A y) * (B^T d)).
  /// r = A y.
  FROSTLINE_INLINE static void output_transposed(const Vector* y, Vector* r) {
    multiply_matrix<points, M>([](int i, int j) { return tables.output[j][i]; }, y, r);
    for_each_pair([&](auto i) __attribute__((always_inline)) { add_and_subtract(r + i); });
  }
  /// r = G^T u.
  FROSTLINE_INLINE static void kernel_transposed(const Vector* u, Vector* r) {
    multiply_matrix<R, points>([](int i, int j) { return tables.kernel[j][i]; }, u, r);
  }

 private:
  FROSTLINE_INLINE static void add_and_subtract(Vector* pair) {
    const Vector first = pair[0], second = pair[1];
    pair[0] = first + second;
    pair[1] = first - second;
  }
  /// Calls body(i) for the first point of each pair.
  template <class Body>
  FROSTLINE_INLINE static void for_each_pair(Body body) {
    for_each_index<(finite - 1) / 2>([&](auto k) __attribute__((always_inline)) {
      body(std::integral_constant<int, 2 * decltype(k)::value + 1>{});
    });
  }
};

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
