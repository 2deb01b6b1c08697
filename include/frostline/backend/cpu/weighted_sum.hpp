// SPDX-License-Identifier: MIT
// weighted_sum: products of constant matrices' rows and vectors, unrolled.
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

/// The term with which a row's sum begins: one with coefficient 1, which needs no product, if any.
template <int Count, class Coefficient>
constexpr int first_term(Coefficient coefficient) {
  int first = -1;
  for (int j = Count - 1; j >= 0; --j)
    if (coefficient(j) == 1 || (coefficient(j) != 0 && (first < 0 || coefficient(first) != 1)))
      first = j;
  return first;
}

/// The sum of coefficient(j) * x[j] over j < Count, for numbers or vectors of them. Coefficients
/// (a lambda without captures) are constants: 0 costs nothing, 1 and -1 need no product.
template <int Count, class T, class Coefficient>
FROSTLINE_INLINE T weighted_sum(const T* x, Coefficient) {
  constexpr int first = first_term<Count>(Coefficient{});
  static_assert(first >= 0, "frostline: weighted_sum requires a coefficient that is not zero");
  using Number = std::remove_cvref_t<decltype([](const auto& value) {
    if constexpr (std::is_arithmetic_v<T>)
      return value;
    else
      return value[0];
  }(*x))>;
  constexpr Number start = Number(Coefficient{}(first));
  T sum = start == 1 ? x[first] : x[first] * start;
  for_each_index<Count>([&](auto j) __attribute__((always_inline)) {
    constexpr double c = Coefficient{}(j);
    if constexpr (j == first || c == 0)
      return;
    else if constexpr (c == 1)
      sum += x[j];
    else if constexpr (c == -1)
      sum -= x[j];
    else
      sum += x[j] * Number(c);
  });
  return sum;
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
