// SPDX-License-Identifier: MIT
// Context: the CUDA stream and the cuBLAS handle that a network computes with, and their errors.
#pragma once

#include <memory>
#include <string_view>

#include "frostline/backend/thrust/system.hpp"
#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/core/kernel.hpp"

#if FROSTLINE_CUDA
#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#endif

namespace frostline::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

#if FROSTLINE_CUDA

/// Throws: Error, which names the call and says what CUDA says of it.
inline void require(cudaError_t status, std::string_view call) {
  if (status != cudaSuccess)
    throw Error(fmt::format("frostline: {} failed: {} ({})", call, cudaGetErrorString(status),
                            cudaGetErrorName(status)));
}
inline void require(cublasStatus_t status, std::string_view call) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw Error(fmt::format("frostline: {} failed: {}", call, cublasGetStatusString(status)));
}

/// What a network computes with: `Network network{max_batch(32), seed(0), Context{stream}}`. The
/// stream is the caller's and must live as long; by default it is CUDA's own. Copies share one.
class Context {
 public:
  Context() = default;
  /// `tf32` lets matrix products round their factors to TensorFloat-32 (10 bits): faster on
  /// devices since Ampere, and less exact.
  explicit Context(cudaStream_t stream, bool tf32 = false) : stream_(stream), tf32_(tf32) {}

  cudaStream_t stream() const { return stream_; }
  bool tf32() const { return tf32_; }
  auto policy() const { return thrust::cuda::par_nosync.on(stream_); }
  /// Made when it is first wanted. Throws: Error.
  cublasHandle_t cublas() const {
    if (!cublas_) {
      cublasHandle_t handle = nullptr;
      require(cublasCreate(&handle), "cublasCreate");
      cublas_.reset(handle, [](cublasHandle_t owned) { cublasDestroy(owned); });
      require(cublasSetStream(handle, stream_), "cublasSetStream");
      require(cublasSetMathMode(handle, tf32_ ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_PEDANTIC_MATH),
              "cublasSetMathMode");
    }
    return cublas_.get();
  }
  void synchronize() const { require(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"); }

 private:
  cudaStream_t stream_ = nullptr;
  bool tf32_ = false;
  mutable std::shared_ptr<cublasContext> cublas_;
};

#else

/// What a network computes with on a host: nothing to choose.
class Context {
 public:
  auto policy() const { return thrust::device; }
  void synchronize() const {}
};

#endif

inline const Context& context_of(const void* context) {
  return *static_cast<const Context*>(context);
}

// Functions that queue kernels are templates of the call, so that a program holds no kernel that it
// does not use: no gradient of what is frozen.

/// Calls body(i) for i of [0, count), each once, in any order. A body is a struct with a
/// FROSTLINE_DEVICE operator().
template <class Body>
void for_each_index(const void* context, std::ptrdiff_t count, const Body& body) {
  thrust::for_each_n(context_of(context).policy(), thrust::counting_iterator<std::ptrdiff_t>(0),
                     count, body);
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::device
