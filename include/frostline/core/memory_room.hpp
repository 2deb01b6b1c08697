// SPDX-License-Identifier: MIT
// require_memory: whether the host has room for what is about to be allocated, and the error if
// not.
#pragma once

#include <cstddef>
#include <cstdio>
#include <limits>
#include <string_view>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"

namespace frostline {

namespace detail {

/// A number in a file of the system's, or `otherwise` where it cannot be read.
inline std::size_t number_in(const char* file, const char* format, std::size_t otherwise) {
  std::size_t number = otherwise;
  if (std::FILE* const stream = std::fopen(file, "r")) {
    if (std::fscanf(stream, format, &number) != 1) number = otherwise;
    std::fclose(stream);
  }
  return number;
}

}  // namespace detail

/// What the system could still give this process without killing one: memory and swap that are free
/// or can be freed, within the control group's limit. Units: bytes; the largest number where the
/// system does not say (it is Linux that does).
inline std::size_t available_memory() {
  constexpr std::size_t unknown = std::numeric_limits<std::size_t>::max();
  std::size_t kilobytes = 0, found = 0;
  if (std::FILE* const stream = std::fopen("/proc/meminfo", "r")) {
    char line[128];
    while (std::fgets(line, sizeof line, stream))
      if (std::sscanf(line, "MemAvailable: %zu", &found) == 1 ||
          std::sscanf(line, "SwapFree: %zu", &found) == 1)
        kilobytes += found;
    std::fclose(stream);
  }
  std::size_t bytes = kilobytes ? kilobytes * 1024 : unknown;
  // The limit of a container, which sees its own group as the root.
  const std::size_t limit = detail::number_in("/sys/fs/cgroup/memory.max", "%zu", unknown);
  const std::size_t used = detail::number_in("/sys/fs/cgroup/memory.current", "%zu", 0);
  if (limit != unknown) bytes = limit < used ? 0 : limit - used < bytes ? limit - used : bytes;
  return bytes;
}

/// The error of memory that is not there. `whom` is the subject of its sentence, `advice` its end.
inline Error not_enough_memory(std::string_view whom, std::size_t bytes, std::string_view advice) {
  return Error(format_text("frostline: {} takes {} bytes of memory, and {} are available; {}", whom,
                           bytes, available_memory(), advice));
}

/// Throws: Error if the system cannot give so many bytes: without it, the system would promise them
/// and kill the process when it touches them.
inline void require_memory(std::string_view whom, std::size_t bytes, std::string_view advice) {
  constexpr std::size_t small = std::size_t(16) << 20;  // not worth a look at the system's files
  if (bytes > small && bytes > available_memory()) throw not_enough_memory(whom, bytes, advice);
}

}  // namespace frostline
