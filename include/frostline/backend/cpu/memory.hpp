// SPDX-License-Identifier: MIT
// The CPU backend, and its memory.
#pragma once

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <utility>

#include "frostline/backend/cpu/blocked.hpp"
#include "frostline/backend/cpu/parallel.hpp"
#include "frostline/core/kernel.hpp"
#include "frostline/core/memory_room.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// A block of host memory, aligned to a cache line and zeroed; pages that are never touched take no
/// memory. Throws: std::bad_alloc.
class HostMemory {
 public:
  HostMemory() = default;
  explicit HostMemory(std::size_t bytes, std::size_t = 0) : bytes_(bytes) {
    if (bytes == 0) return;
#ifdef __linux__
    // Large pages, if the system has any, save many TLB misses.
    constexpr std::size_t large = std::size_t(2) << 20;
    allocated_ = bytes < large ? bytes : (bytes + large - 1) / large * large + large;
    memory_ = mmap(nullptr, allocated_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
    const std::size_t alignment = bytes < large ? 64 : large;
#else
    constexpr std::size_t alignment = 64;
    memory_ = std::calloc(bytes + alignment, 1);
    if (!memory_) throw std::bad_alloc();
#endif
    const auto address = reinterpret_cast<std::uintptr_t>(memory_);
    data_ = static_cast<std::byte*>(memory_) + (alignment - address % alignment) % alignment;
#ifdef __linux__
    // The last page is large if at least half of it is used, so that little memory is wasted.
    if (bytes >= large) madvise(data_, (bytes + large / 2) / large * large, MADV_HUGEPAGE);
#endif
  }
  HostMemory(HostMemory&& other) noexcept { swap(other); }
  HostMemory& operator=(HostMemory&& other) noexcept {
    HostMemory(std::move(other)).swap(*this);
    return *this;
  }
  ~HostMemory() {
    if (!memory_) return;
#ifdef __linux__
    munmap(memory_, allocated_);
#else
    std::free(memory_);
#endif
  }
  std::byte* data() const { return data_; }
  std::size_t size() const { return bytes_; }
  std::span<float> floats() const {
    return {reinterpret_cast<float*>(data_), bytes_ / sizeof(float)};
  }

 private:
  void swap(HostMemory& other) {
    std::swap(memory_, other.memory_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(allocated_, other.allocated_);
  }
  void* memory_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0, allocated_ = 0;
};

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {
inline namespace FROSTLINE_CPU {

struct cpu {
  using Memory = detail::HostMemory;
  struct Context {
    void synchronize() const {}
  };
  struct Replay {  // the CPU calls a step's kernels; only CUDA records them
    template <class Queue>
    void run(const Context&, int, Queue queue) {
      queue();
    }
    void forget() {}
  };
  static constexpr bool in_host_memory = true;
  /// Throws: Error if there is not enough memory for `whom`.
  static void require_room(const Context&, std::string_view whom, std::size_t bytes) {
    detail::require_memory(whom, bytes, advice);
  }
  /// Memory for `whom`. Throws: Error if there is not enough.
  static Memory allocate(const Context& context, std::string_view whom, std::size_t bytes,
                         std::size_t unset = 0) {
    require_room(context, whom, bytes);
    try {
      return Memory(bytes, unset);
    } catch (const std::bad_alloc&) {
      throw detail::not_enough_memory(whom, bytes, advice);
    }
  }
  static void copy_in(const Context&, void* to, const void* from, std::size_t bytes) {
    std::memcpy(to, from, bytes);
  }
  static void copy_out(const Context&, void* to, const void* from, std::size_t bytes) {
    std::memcpy(to, from, bytes);
  }
  /// Copies inside the backend's memory.
  static void copy(const Context&, void* to, const void* from, std::size_t bytes) {
    std::memcpy(to, from, bytes);
  }
  /// Threads that a kernel may use: OpenMP's setting.
  static int threads() { return omp_get_max_threads(); }
  template <class Body>
  static void run(int count, Body body) {
    detail::run_team(count, body);
  }
  /// Floats of a sample in the blocked layout, and its shape with whole blocks of channels.
  static constexpr std::size_t blocked_floats(Shape shape) {
    return std::size_t(detail::BlockedMap{shape}.sample());
  }
  static constexpr Shape padded(Shape shape) {
    return {detail::BlockedMap{shape}.blocks() * detail::lanes, shape.height, shape.width};
  }

 private:
  static constexpr std::string_view advice = "a smaller max_batch takes less";
};

}  // namespace FROSTLINE_CPU
}  // namespace frostline
