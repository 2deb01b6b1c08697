// SPDX-License-Identifier: MIT
// A file in memory with the contents of an input.
// Must be included first: the last page of a mapping is poisoned after the end of its file,
// so that the address sanitizer also sees reads there. The kernel would return zeros.
#pragma once

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace fuzz {

/// The file, and the path that opens it.
struct MemoryFile {
  int file = ::memfd_create("weights", MFD_CLOEXEC);
  std::string path = "/proc/self/fd/" + std::to_string(file);

  void assign(const std::uint8_t* data, std::size_t size) const {
    const auto length = static_cast<off_t>(size);
    if (::ftruncate(file, 0) != 0 || ::ftruncate(file, length) != 0 ||
        ::pwrite(file, data, size, 0) != length)
      std::abort();
  }
};

inline std::size_t bytes_after(std::size_t size) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return (page - size % page) % page;
}

}  // namespace fuzz

inline void* guarded_mmap(void* wanted, std::size_t size, int access, int flags, int file,
                          off_t offset) {
  void* const memory = ::mmap(wanted, size, access, flags, file, offset);
  if (memory != MAP_FAILED)
    __asan_poison_memory_region(static_cast<char*>(memory) + size, fuzz::bytes_after(size));
  return memory;
}

inline int guarded_munmap(void* memory, std::size_t size) {
  __asan_unpoison_memory_region(static_cast<char*>(memory) + size, fuzz::bytes_after(size));
  return ::munmap(memory, size);
}

#define mmap guarded_mmap
#define munmap guarded_munmap
