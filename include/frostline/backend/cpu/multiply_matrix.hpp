// SPDX-License-Identifier: MIT
// multiply_matrix: products of constant matrices and vectors, unrolled.
#pragma once

#include <type_traits>
#include <utility>

#include "frostline/backend/cpu/simd.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// Calls body(std::integral_constant<int, I>) for I from 0 to Count - 1.
template <int Count, class Body>
FROSTLINE_INLINE void for_each_index(Body body) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (body(std::integral_constant<int, I>{}), ...);
  }
  (std::make_integer_sequence<int, Count>{});
}

/// The term with which row I's sum begins: one with coefficient 1, which needs no product, if any.
template <int Columns, class Matrix>
constexpr int first_term(Matrix matrix, int i) {
  int first = -1;
  for (int j = Columns - 1; j >= 0; --j)
    if (matrix(i, j) == 1 || (matrix(i, j) != 0 && (first < 0 || matrix(i, first) != 1))) first = j;
  return first;
}

/// Row I of a matrix times x: the sum of matrix(I, j) * x[j] over j < Columns. All terms are in one
/// function, since a function for each takes several times as long to compile.
template <int I, class Matrix, class T, int... J>
FROSTLINE_INLINE T weighted_sum(const T* x, std::integer_sequence<int, J...>) {
  constexpr int first = first_term<sizeof...(J)>(Matrix{}, I);
  static_assert(first >= 0, "frostline: weighted_sum requires a coefficient that is not zero");
  using Number = std::remove_cvref_t<decltype([](const auto& value) {
    if constexpr (std::is_arithmetic_v<T>)
      return value;
    else
      return value[0];
  }(*x))>;
  constexpr Number start = Number(Matrix{}(I, first));
  T sum = start == 1 ? x[first] : x[first] * start;
  ((J == first || Matrix{}(I, J) == 0 ? void()
    : Matrix{}(I, J) == 1             ? void(sum += x[J])
    : Matrix{}(I, J) == -1            ? void(sum -= x[J])
                                      : void(sum += x[J] * Number(Matrix{}(I, J)))),
   ...);
  return sum;
}

/// r = matrix x, for numbers or vectors of them; r must not be x. Elements matrix(i, j) (a lambda
/// without captures) are constants: 0 costs nothing, 1 and -1 need no product.
template <int Rows, int Columns, class T, class Matrix>
FROSTLINE_INLINE void multiply_matrix(Matrix, const T* x, T* r) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    ((r[I] = weighted_sum<I, Matrix>(x, std::make_integer_sequence<int, Columns>{})), ...);
  }
  (std::make_integer_sequence<int, Rows>{});
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
