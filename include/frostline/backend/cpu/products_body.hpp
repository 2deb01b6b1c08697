// SPDX-License-Identifier: MIT
// The bodies of backend/cpu/products.hpp.
#pragma once

#include "frostline/backend/cpu/products.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

FROSTLINE_COMPILED_ONCE void OuterProducts::run(const Team& team) const {
  constexpr int line = 16, together = 64;  // rows of b that the cache holds
  const int first = int(team.first(divide_up(columns, line))) * line;
  const int last = std::min(int(team.last(divide_up(columns, line))) * line, columns);
  for (int from = 0; from < depth; from += together) {
    const int to = std::min(from + together, depth);
    const bool add = adds || from > 0;
    if (last - first < lanes) {
      few_columns(first, last, from, to, add);
      continue;
    }
    constexpr int four = 4;
    row_tiles<1, four>(row_tiles<four, 2>(0, first, last, from, to, add), first, last, from, to,
                       add);
  }
}
FROSTLINE_COMPILED_ONCE void dot_products(Rows<const float> a, int rows_of_a, Rows<const float> b,
                                          int rows_of_b, int depth, Rows<float> c, bool adds) {
  constexpr int three = 3, four = 4, together = 1024;  // floats of the rows that the cache holds
  const auto nothing = [](int) { return 0.0f; };
  for (int from = 0; from < depth; from += together) {
    const int count = std::min(together, depth - from);
    const bool add = adds || from > 0;
    const auto tile = [&]<int OfA, int OfB>(int p, int k) __attribute__((always_inline)) {
      dot_tile<OfA, OfB>({a[p] + from, a.stride}, {b[k] + from, b.stride}, count, nothing,
                         {c[p] + k, c.stride}, add);
    };
    int k = 0;
    for (; k + four <= rows_of_b; k += four) {
      int p = 0;
      for (; p + three <= rows_of_a; p += three) tile.template operator()<three, four>(p, k);
      for (; p < rows_of_a; ++p) tile.template operator()<1, four>(p, k);
    }
    for (; k < rows_of_b; ++k)
      for (int p = 0; p < rows_of_a; ++p) tile.template operator()<1, 1>(p, k);
  }
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
