// SPDX-License-Identifier: MIT
// Eigen's matrices as views of the arena's memory.
#pragma once

#include <Eigen/Core>
#include <algorithm>

#include "frostline/core/kernel.hpp"

namespace frostline {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstMatrix = Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>>;
using Matrix = Eigen::Map<RowMajor, 0, Eigen::OuterStride<>>;

/// Shapes: (rows, columns), rows `stride` floats apart.
inline ConstMatrix matrix(const float* data, int rows, int columns, int stride) {
  return {data, rows, columns, Eigen::OuterStride<>(stride)};
}
inline Matrix matrix(float* data, int rows, int columns, int stride) {
  return {data, rows, columns, Eigen::OuterStride<>(stride)};
}
inline ConstMatrix matrix(const float* data, int rows, int columns) {
  return matrix(data, rows, columns, columns);
}
inline Matrix matrix(float* data, int rows, int columns) {
  return matrix(data, rows, columns, columns);
}

// The three products of the backend. They add to c. Templates, so that programs that need none of
// them do not compile Eigen's; each is still compiled once.
template <class To = Matrix>
[[gnu::noinline]] void multiply(const ConstMatrix& a, const ConstMatrix& b, To c) {
  c.noalias() += a * b;
}
template <class To = Matrix>
[[gnu::noinline]] void multiply_by_transposed(const ConstMatrix& a, const ConstMatrix& b, To c) {
  c.noalias() += a * b.transpose();
}
template <class To = Matrix>
[[gnu::noinline]] void multiply_transposed(const ConstMatrix& a, const ConstMatrix& b, To c) {
  c.noalias() += a.transpose() * b;
}
inline void set_zero(Matrix c) {
  for (Eigen::Index row = 0; row < c.rows(); ++row)
    std::fill_n(c.data() + row * c.outerStride(), c.cols(), 0.0f);
}

}  // namespace frostline
