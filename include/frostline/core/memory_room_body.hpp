// SPDX-License-Identifier: MIT
// The bodies of core/memory_room.hpp, which read the system's files about memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>

#include "frostline/core/body.hpp"
#include "frostline/core/format.hpp"
#include "frostline/core/memory_room.hpp"

namespace frostline::detail {

/// The number in the first line of a system file that matches the format, or `otherwise`.
inline std::size_t number_in(const char* file, const char* format, std::size_t otherwise) {
  std::size_t number = otherwise;
  if (std::FILE* const stream = std::fopen(file, "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, stream) && std::sscanf(line, format, &number) != 1)
      number = otherwise;
    std::fclose(stream);
  }
  return number;
}

/// The bytes left within a control group's limit. It counts cached files, but they can be freed.
inline std::size_t left_in_group(const std::string& folder, const char* limit_file,
                                 const char* used_file, const char* cached) {
  constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();
  const auto read = [&](const char* file, const char* format, std::size_t otherwise) {
    return number_in((folder + file).c_str(), format, otherwise);
  };
  const std::size_t limit = read(limit_file, "%zu", unlimited);
  if (limit == unlimited) return unlimited;
  const std::size_t used = read(used_file, "%zu", 0), files = read("/memory.stat", cached, 0);
  const std::size_t kept = used > files ? used - files : 0;
  return limit > kept ? limit - kept : 0;
}

FROSTLINE_BODY std::size_t available_memory() {
  const auto kilobytes = [](const char* format) { return number_in("/proc/meminfo", format, 0); };
  const std::size_t free = kilobytes("MemAvailable: %zu");
  std::size_t bytes = free == 0 ? std::numeric_limits<std::size_t>::max()
                                : (free + kilobytes("SwapFree: %zu")) * 1024;
  std::string group = "/sys/fs/cgroup";
  if (std::FILE* const stream = std::fopen("/proc/self/cgroup", "r")) {
    char path[512] = "";
    if (std::fscanf(stream, "0::%511[^\n]", path) == 1) group += path;
    std::fclose(stream);
  }
  for (; group.size() >= sizeof "/sys/fs/cgroup" - 1; group.resize(group.rfind('/')))
    bytes = std::min(bytes,
                     left_in_group(group, "/memory.max", "/memory.current", "inactive_file %zu"));
  return std::min(bytes, left_in_group("/sys/fs/cgroup/memory", "/memory.limit_in_bytes",
                                       "/memory.usage_in_bytes", "total_inactive_file %zu"));
}

FROSTLINE_BODY Error not_enough_memory(std::string_view whom, std::size_t bytes,
                                       std::string_view advice) {
  return Error(format_text("frostline: {} takes {} bytes of memory, and {} are available; {}", whom,
                           bytes, available_memory(), advice));
}

}  // namespace frostline::detail
