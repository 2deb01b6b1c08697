// SPDX-License-Identifier: MIT
// gemm: products of matrices, by cuBLAS on CUDA, by Eigen on a host.
#pragma once

#include "frostline/backend/thrust/memory.hpp"
#if !FROSTLINE_CUDA
#include <Eigen/Core>
#endif

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// A row-major matrix as a product reads it: `transposed` says that its rows are the factor's
/// columns. Rows are `stride` floats apart, the matrices of a batch `batch_stride`.
struct Factor {
  const float* data;
  std::ptrdiff_t stride;
  bool transposed = false;
  std::ptrdiff_t batch_stride = 0;
};
struct Product {
  float* data;
  std::ptrdiff_t stride;
  std::ptrdiff_t batch_stride = 0;
};

/// c = a b, or c += a b with `adds`, for each matrix of a batch. Shapes: a (m, k), b (k, n),
/// c (m, n). Throws: Error.
inline void gemm(const void* context, int m, int n, int k, const Factor& a, const Factor& b,
                 const Product& c, bool adds, int batch = 1) {
#if FROSTLINE_CUDA
  // cuBLAS reads matrices by columns, so it computes the transposed product.
  const float one = 1, beta = adds ? 1.0f : 0.0f;
  require(cublasSgemmStridedBatched(
              context_of(context).cublas(), b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
              a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N, n, m, k, &one, b.data, int(b.stride),
              b.batch_stride, a.data, int(a.stride), a.batch_stride, &beta, c.data, int(c.stride),
              c.batch_stride, batch),
          "cublasSgemmStridedBatched");
#else
  (void)context;
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Stride = Eigen::OuterStride<>;
  const auto view = [](const Factor& factor, int rows, int columns, int i) {
    return Eigen::Map<const Matrix, 0, Stride>(
        factor.data + i * factor.batch_stride, factor.transposed ? columns : rows,
        factor.transposed ? rows : columns, Stride(factor.stride));
  };
  for (int i = 0; i < batch; ++i) {
    Eigen::Map<Matrix, 0, Stride> to(c.data + i * c.batch_stride, m, n, Stride(c.stride));
    const auto left = view(a, m, k, i), right = view(b, k, n, i);
    if (!adds) to.setZero();
    if (a.transposed && b.transposed)
      to.noalias() += left.transpose() * right.transpose();
    else if (a.transposed)
      to.noalias() += left.transpose() * right;
    else if (b.transposed)
      to.noalias() += left * right.transpose();
    else
      to.noalias() += left * right;
  }
#endif
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device
