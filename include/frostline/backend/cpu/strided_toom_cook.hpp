// SPDX-License-Identifier: MIT
// StridedToomCook: fast short convolutions of three taps and stride 2.
#pragma once

#include "frostline/backend/cpu/toom_cook.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// M neighbouring outputs of a filter of three taps and stride 2, from 2 M + 1 inputs and with as
/// many products instead of 3 M. The outer taps are multiplied with every second input: that is
/// F(M, 2). The middle tap is multiplied with the other inputs, one product per output; all these
/// products have the same factor, so that weights are transformed to M + 2 numbers. The products of
/// F(M, 2) come first, then those of the middle tap.
template <int M>
struct StridedToomCook {
  using Outer = ToomCook<M, 2>;
  static constexpr int outputs = M, taps = 3;
  static constexpr int points = 2 * M + 1, kernels = M + 2;

  /// r = B^T d. Unrolled; r may not be d.
  FROSTLINE_INLINE static void input(const Vector* d, Vector* r) {
    Vector even[M + 1];
    FROSTLINE_UNROLL
    for (int i = 0; i <= M; ++i) even[i] = d[2 * i];
    Outer::input(even, r);
    FROSTLINE_UNROLL
    for (int i = 0; i < M; ++i) r[M + 1 + i] = d[2 * i + 1];
  }
  /// r = A^T m. Unrolled; changes m.
  FROSTLINE_INLINE static void output(Vector* m, Vector* r) {
    Outer::output(m, r);
    FROSTLINE_UNROLL
    for (int i = 0; i < M; ++i) r[i] += m[M + 1 + i];
  }
  /// r = G g, for floating-point numbers or vectors of them.
  template <class T>
  FROSTLINE_INLINE static void kernel(const T* g, T* r) {
    const T outer[] = {g[0], g[2]};
    Outer::kernel(outer, r);
    r[M + 1] = g[1];
  }
};

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
