// SPDX-License-Identifier: MIT
// The Thrust backend's memory, and thrust_backend itself.
#pragma once

#include <cstring>
#include <exception>
#include <new>
#include <span>
#include <utility>

#include "frostline/backend/thrust/replay.hpp"
#include "frostline/core/memory_room.hpp"
#include "frostline/core/path.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// A block of the device's memory (on a host, of the host's), aligned to 256 bytes and zeroed,
/// except its first `unset` bytes, which kernels must assign before they read them.
class Memory {
 public:
  Memory() = default;
  /// Throws: Error, or std::bad_alloc on a host.
  explicit Memory(std::size_t bytes, std::size_t unset = 0) : bytes_(bytes) {
    if (bytes == 0) return;
#if FROSTLINE_CUDA
    void* memory = nullptr;
    require(cudaMalloc(&memory, bytes), "cudaMalloc");
    data_ = static_cast<std::byte*>(memory);
    // The default stream does this, so it must be done before the caller's stream uses the memory.
    require(cudaMemset(data_ + unset, 0, bytes - unset), "cudaMemset");
    require(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
#else
    data_ = static_cast<std::byte*>(::operator new(bytes, alignment));
    std::memset(data_ + unset, 0, bytes - unset);
#endif
  }
  Memory(Memory&& other) noexcept { swap(other); }
  Memory& operator=(Memory&& other) noexcept {
    Memory(std::move(other)).swap(*this);
    return *this;
  }
  ~Memory() {
#if FROSTLINE_CUDA
    cudaFree(data_);
#else
    ::operator delete(data_, alignment);
#endif
  }
  std::byte* data() const { return data_; }
  std::size_t size() const { return bytes_; }

 private:
  static constexpr std::align_val_t alignment{256};
  void swap(Memory& other) {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Thrust as a backend: CUDA where nvcc compiles, else the host's threads. Values are NCHW. A
/// network's work is queued in its context's stream by one thread, for whole batches.
struct backend {
  using Memory = device::Memory;
  using Context = device::Context;
  using Replay = device::Replay;
  static constexpr bool in_host_memory = !FROSTLINE_CUDA;
  static constexpr bool whole_batches = true;

  static int threads() { return 1; }
  template <class Body>
  static void run(int, Body body) {
    body(Team{});
  }
  /// Memory for `whom`, of which the first `unset` bytes need not be zero. Throws: Error if there
  /// is not enough.
  static Memory allocate(const Context& context, std::string_view whom, std::size_t bytes,
                         std::size_t unset = 0) {
    require_room(context, whom, bytes);
    return Memory(bytes, unset);
  }
#if FROSTLINE_CUDA
  /// Throws: Error unless there is a device with so many free bytes for `whom`, and for cuBLAS.
  static void require_room(const Context& context, std::string_view whom, std::size_t own_bytes) {
    const std::size_t bytes = own_bytes + context.workspace_to_come();
    int count = 0;
    if (const cudaError_t status = cudaGetDeviceCount(&count); status != cudaSuccess || count == 0)
      throw Error(format_text(
          "frostline: there is no CUDA device ({}); Network<Model, Input> computes on the CPU",
          status == cudaSuccess ? "none found" : cudaGetErrorString(status)));
    std::size_t free = 0, all = 0;
    require(cudaMemGetInfo(&free, &all), "cudaMemGetInfo");
    if (bytes > free)
      throw Error(
          format_text("frostline: {} takes {} bytes of device memory, and {} of {} are free; "
                      "a smaller max_batch takes less",
                      whom, bytes, free, all));
  }
  /// The source must not change until the context is synchronised, since it may be pinned memory.
  static void copy_in(const Context& context, void* to, const void* from, std::size_t bytes) {
    require(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, context.stream()),
            "cudaMemcpyAsync");
  }
  static void copy_out(const Context& context, void* to, const void* from, std::size_t bytes) {
    require(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, context.stream()),
            "cudaMemcpyAsync");
    context.synchronize();
  }
  /// From one place of the device's memory to another.
  static void copy(const Context& context, void* to, const void* from, std::size_t bytes) {
    require(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, context.stream()),
            "cudaMemcpyAsync");
  }
  /// Calls `work`, which queues kernels. Throws: Error, if a launch fails, with its place: `where`
  /// and the node ("in 'conv1'").
  template <class Work>
  static void queue(std::string_view where, const Path& node, Work work) {
    try {
      work();
      require(cudaGetLastError(), "a kernel's launch");
    } catch (const std::exception& error) {
      const std::string_view quote = node.size > 0 ? "'" : "";
      throw Error(
          format_text("{}, {}{}{}{}", error.what(), where, quote, std::string_view(node), quote));
    }
  }
#else
  static void require_room(const Context&, std::string_view whom, std::size_t bytes) {
    require_memory(whom, bytes, "a smaller max_batch takes less");
  }
  static void copy_in(const Context&, void* to, const void* from, std::size_t bytes) {
    std::memcpy(to, from, bytes);
  }
  static void copy_out(const Context&, void* to, const void* from, std::size_t bytes) {
    std::memcpy(to, from, bytes);
  }
  static void copy(const Context&, void* to, const void* from, std::size_t bytes) {
    std::memcpy(to, from, bytes);
  }
#endif
};

/// Assigns a gradient, or adds to it.
FROSTLINE_DEVICE inline void put(float& to, float gradient, bool adds) {
  to = adds ? to + gradient : gradient;
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

using thrust_backend = detail::device::backend;

}  // namespace frostline
