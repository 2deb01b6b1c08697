// SPDX-License-Identifier: MIT
// The CPU backend's memory: aligned, zeroed, owned.
#pragma once

#include <omp.h>

#include <cstring>
#include <memory>
#include <new>
#include <span>

#include "frostline/core/kernel.hpp"

namespace frostline {

/// A block of host memory, aligned to a cache line and zeroed.
class HostMemory {
 public:
  HostMemory() = default;
  explicit HostMemory(std::size_t bytes) : bytes_(bytes) {
    if (bytes == 0) return;
    data_.reset(static_cast<std::byte*>(::operator new(bytes, alignment)));
    std::memset(data_.get(), 0, bytes);
  }
  std::byte* data() const { return data_.get(); }
  std::size_t size() const { return bytes_; }
  std::span<float> floats() const {
    return {reinterpret_cast<float*>(data_.get()), bytes_ / sizeof(float)};
  }

 private:
  static constexpr std::align_val_t alignment{64};
  struct Delete {
    void operator()(std::byte* p) const { ::operator delete(p, alignment); }
  };
  std::unique_ptr<std::byte, Delete> data_;
  std::size_t bytes_ = 0;
};

struct cpu {
  using Memory = HostMemory;
  /// Threads that a kernel may use: OpenMP's setting.
  static int threads() { return omp_get_max_threads(); }
};

}  // namespace frostline
