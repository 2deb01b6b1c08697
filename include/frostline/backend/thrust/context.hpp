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

/// Throws: Error, which names the call and says what CUDA says of it. CUDA then forgets it, or the
/// next launch would be blamed.
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

/// What a network computes with: `Network network{max_batch(32), seed(0), Context{stream}}`. Copies
/// share one stream and one cuBLAS handle.
class Context {
 public:
  /// What cuBLAS takes of the device's memory: NVIDIA's advice for Hopper.
  static constexpr std::size_t workspace_bytes = std::size_t(32) << 20;

  /// With a stream of its own, which does not wait for CUDA's default stream.
  Context() : shared_(std::make_shared<Shared>()) { shared_->owns_stream = true; }
  /// The stream is the caller's and must live as long. `tf32` lets matrix products round their
  /// factors to TensorFloat-32 (10 bits): faster on devices since Ampere, and less exact.
  explicit Context(cudaStream_t stream, bool tf32 = false) : Context() {
    shared_->stream = stream;
    shared_->owns_stream = false;
    shared_->tf32 = tf32;
  }

  /// Throws: Error, where it is made when it is first wanted, as cublas() does.
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
    // Of its own, so that neither a step nor a recorded one allocates any.
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
  /// What cublas() has yet to allocate.
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
