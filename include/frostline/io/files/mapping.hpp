// SPDX-License-Identifier: MIT
// Mapping: an open file in memory.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <system_error>
#include <utility>

namespace frostline::detail {

/// The first bytes of an open file, readable (and writable with `shared_writes`) while this object
/// lives.
class Mapping {
 public:
  Mapping() = default;
  /// Throws: std::system_error.
  Mapping(int file, std::size_t bytes, bool shared_writes) : bytes_(bytes) {
    const int access = shared_writes ? PROT_READ | PROT_WRITE : PROT_READ;
    memory_ = ::mmap(nullptr, bytes, access, shared_writes ? MAP_SHARED : MAP_PRIVATE, file, 0);
    if (memory_ == MAP_FAILED) throw std::system_error(errno, std::generic_category());
  }
  Mapping(Mapping&& other) noexcept { swap(other); }
  Mapping& operator=(Mapping&& other) noexcept {
    Mapping(std::move(other)).swap(*this);
    return *this;
  }
  ~Mapping() {
    if (bytes_ > 0) ::munmap(memory_, bytes_);
  }

  std::span<std::byte> bytes() const { return {static_cast<std::byte*>(memory_), bytes_}; }
  /// Gives the pages back to the system, which reads them again when they are accessed.
  void rest() const { ::madvise(memory_, bytes_, MADV_DONTNEED); }
  /// Waits until all writes are on the disk. Throws: std::system_error.
  void flush() const {
    if (::msync(memory_, bytes_, MS_SYNC) != 0)
      throw std::system_error(errno, std::generic_category());
  }

 private:
  void swap(Mapping& other) {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
  }
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace frostline::detail
