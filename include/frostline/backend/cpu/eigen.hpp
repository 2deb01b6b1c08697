// SPDX-License-Identifier: MIT
// Eigen's matrices as views of the arena's memory.
#pragma once

#include <Eigen/Core>

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

}  // namespace frostline
