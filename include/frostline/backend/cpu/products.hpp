// SPDX-License-Identifier: MIT
// Products of row-major matrices by register tiles, without packing.
#pragma once

#include <algorithm>

#include "frostline/backend/cpu/memory.hpp"
#include "frostline/backend/cpu/parallel.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// Rows of a matrix, `stride` floats apart.
template <class Float>
struct Rows {
  Float* data;
  std::ptrdiff_t stride;
  Float* operator[](int row) const { return data + row * stride; }
};

/// c[p][i] = (or +=, if adds) the sum over r of a(p, r) * b[r][i].
struct OuterProducts {
  const float* a;
  std::ptrdiff_t a_row, a_sum;  // floats from one p, or one r, to the next
  Rows<const float> b;
  Rows<float> c;
  int rows, depth, columns;
  bool adds;

  template <int Count, int Vectors>
  FROSTLINE_INLINE void tile(int p, int i, int from, int to, bool add, int skipped = 0) const {
    Vector sums[Count][Vectors]{};
    for (int q = 0; q < Count && add; ++q) {
      FROSTLINE_UNROLL
      for (int v = 0; v < Vectors; ++v) sums[q][v] = load_unaligned(c[p + q] + i + v * lanes);
    }
    for (int r = from; r < to; ++r) {
      Vector x[Vectors];
      FROSTLINE_UNROLL
      for (int v = 0; v < Vectors; ++v) x[v] = load_unaligned(b[r] + i + v * lanes);
      FROSTLINE_UNROLL
      for (int q = 0; q < Count; ++q) {
        const Vector scalar = splat(a[(p + q) * a_row + r * a_sum]);
        FROSTLINE_UNROLL
        for (int v = 0; v < Vectors; ++v) sums[q][v] += scalar * x[v];
      }
    }
    if (skipped > 0) {  // columns that are done; of one vector
      for (int q = 0; q < Count; ++q)
        for (int lane = skipped; lane < lanes; ++lane) c[p + q][i + lane] = sums[q][0][lane];
      return;
    }
    FROSTLINE_UNROLL
    for (int q = 0; q < Count; ++q) {
      FROSTLINE_UNROLL
      for (int v = 0; v < Vectors; ++v) store_unaligned(c[p + q] + i + v * lanes, sums[q][v]);
    }
  }
  /// Computes rows from p on, Count at a time, and columns from `first` to `last`, at least a
  /// vector of them. Returns the next row.
  template <int Count, int Vectors>
  FROSTLINE_INLINE int row_tiles(int p, int first, int last, int from, int to, bool add) const {
    for (; p + Count <= rows; p += Count) {
      int i = first;
      for (; i + Vectors * lanes <= last; i += Vectors * lanes)
        tile<Count, Vectors>(p, i, from, to, add);
      for (; i < last; i += lanes) {
        const int start = std::min(i, last - lanes);
        tile<Count, 1>(p, start, from, to, add, i - start);
      }
    }
    return p;
  }
  /// The same for all rows, and columns that do not fill a vector.
  void few_columns(int first, int last, int from, int to, bool add) const {
    for (int p = 0; p < rows; ++p)
      for (int i = first; i < last; ++i) {
        float sum = add ? c[p][i] : 0.0f;
        for (int r = from; r < to; ++r) sum += a[p * a_row + r * a_sum] * b[r][i];
        c[p][i] = sum;
      }
  }
  /// The columns are divided among the team.
  void run(const Team& team) const;
};

/// c[p][k] = start(k) (or +=, if adds) + the sum over i of a[p][i] * b[k][i], for some rows of a
/// and b.
template <int RowsOfA, int RowsOfB, class Start>
FROSTLINE_INLINE void dot_tile(Rows<const float> a, Rows<const float> b, int depth, Start start,
                               Rows<float> c, bool adds) {
  Vector sums[RowsOfA][RowsOfB]{};
  int i = 0;
  for (; i + lanes <= depth; i += lanes) {
    Vector right[RowsOfB];
    FROSTLINE_UNROLL
    for (int k = 0; k < RowsOfB; ++k) right[k] = load_unaligned(b[k] + i);
    FROSTLINE_UNROLL
    for (int p = 0; p < RowsOfA; ++p) {
      const Vector left = load_unaligned(a[p] + i);
      FROSTLINE_UNROLL
      for (int k = 0; k < RowsOfB; ++k) sums[p][k] += left * right[k];
    }
  }
  for (int p = 0; p < RowsOfA; ++p)
    for (int k = 0; k < RowsOfB; ++k) {
      float sum = adds ? c[p][k] : start(k);
      for (int lane = 0; lane < lanes; ++lane) sum += sums[p][k][lane];
      for (int rest = i; rest < depth; ++rest) sum += a[p][rest] * b[k][rest];
      c[p][k] = sum;
    }
}

/// c[p][k] = (or +=, if adds) the sum over i of a[p][i] * b[k][i], by one thread.
void dot_products(Rows<const float> a, int rows_of_a, Rows<const float> b, int rows_of_b, int depth,
                  Rows<float> c, bool adds);

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_KERNELS_COMPILED
#include "frostline/backend/cpu/products_body.hpp"
#endif
