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

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

#if FROSTLINE_CUDA

/// Throws: Error with the call and CUDA's text for its status. It also clears CUDA's last error,
/// which the next launch would report again.
inline void require(cudaError_t status, std::string_view call) {
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();
  throw Error(format_text("frostline: {} failed: {} ({})", call, cudaGetErrorString(status),
                          cudaGetErrorName(status)));
}
inline void require(cublasStatus_t status, std::string_view call) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw Error(format_text("frostline: {} failed: {}", call, cublasGetStatusString(status)));
}

/// The resources of a network: `Network network{max_batch(32), seed(0), Context{stream}}`. Copies
/// share one stream and one cuBLAS handle.
class Context {
 public:
  /// The device memory that cuBLAS uses: NVIDIA's advice for Hopper.
  static constexpr std::size_t workspace_bytes = std::size_t(32) << 20;

  /// With a stream of its own, which does not wait for CUDA's default stream.
  Context() : shared_(std::make_shared<Shared>()) { shared_->owns_stream = true; }
  /// The stream is the caller's and must outlive this object. `tf32` lets matrix products round
  /// their factors to TensorFloat-32 (10 bits): faster on devices since Ampere, and less exact.
  explicit Context(cudaStream_t stream, bool tf32 = false) : Context() {
    shared_->stream = stream;
    shared_->owns_stream = false;
    shared_->tf32 = tf32;
  }

  /// It is made on first use, as cublas()'s handle. Throws: Error.
  cudaStream_t stream() const {
    if (shared_->owns_stream && !shared_->stream)
      require(cudaStreamCreateWithFlags(&shared_->stream, cudaStreamNonBlocking),
              "cudaStreamCreateWithFlags");
    return shared_->stream;
  }
  bool tf32() const { return shared_->tf32; }
  auto policy() const { return thrust::cuda::par_nosync.on(stream()); }
  cublasHandle_t cublas() const {
    if (shared_->cublas_ready) return shared_->cublas;
    if (!shared_->cublas) require(cublasCreate(&shared_->cublas), "cublasCreate");
    require(cublasSetStream(shared_->cublas, stream()), "cublasSetStream");
    // A workspace of its own, so that no step allocates one, recorded or not.
    if (!shared_->workspace)
      require(cudaMalloc(&shared_->workspace, workspace_bytes), "cudaMalloc");
    require(cublasSetWorkspace(shared_->cublas, shared_->workspace, workspace_bytes),
            "cublasSetWorkspace");
    require(cublasSetMathMode(shared_->cublas,
                              tf32() ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_PEDANTIC_MATH),
            "cublasSetMathMode");
    shared_->cublas_ready = true;
    return shared_->cublas;
  }
  /// The bytes that cublas() has yet to allocate.
  std::size_t workspace_to_come() const { return shared_->workspace ? 0 : workspace_bytes; }
  void synchronize() const { require(cudaStreamSynchronize(stream()), "cudaStreamSynchronize"); }

 private:
  struct Shared {
    cudaStream_t stream = nullptr;
    bool owns_stream = false, tf32 = false, cublas_ready = false;
    cublasHandle_t cublas = nullptr;
    void* workspace = nullptr;
    ~Shared() {
      if (cublas) cublasDestroy(cublas);
      if (workspace) cudaFree(workspace);
      if (owns_stream && stream) cudaStreamDestroy(stream);
    }
  };
  std::shared_ptr<Shared> shared_;
};

#else

/// The resources of a network on a host: there is nothing to choose.
class Context {
 public:
  auto policy() const { return thrust::device; }
  void synchronize() const {}
};

#endif

inline const Context& context_of(const void* context) {
  return *static_cast<const Context*>(context);
}

// Functions that queue kernels are templates, so that a program contains no kernel that it does not
// use, such as the gradient of a frozen layer.

/// Calls body(i) for i of [0, count), each once, in any order. A body is a struct with a
/// FROSTLINE_DEVICE operator().
template <class Body>
void for_each_index(const void* context, std::ptrdiff_t count, const Body& body) {
  thrust::for_each_n(context_of(context).policy(), thrust::counting_iterator<std::ptrdiff_t>(0),
                     count, body);
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device
