// SPDX-License-Identifier: MIT
// require_memory: throws if the host has not enough memory for an allocation.
#pragma once

#include <cstddef>
#include <string_view>

#include "frostline/core/error.hpp"

namespace frostline::detail {

/// The memory that the system can still give to this process without killing any: memory and swap
/// that are free or can be freed, within the limits of its control groups (Linux's, version 2; of
/// version 1, that of a container). Units: bytes; the largest number where the system does not say.
std::size_t available_memory();

/// The error for missing memory. `whom` is the subject of its sentence, `advice` its end.
Error not_enough_memory(std::string_view whom, std::size_t bytes, std::string_view advice);

/// Throws: Error if the system cannot give so many bytes. Without this check, the system would
/// promise them and kill the process when it touches them.
inline void require_memory(std::string_view whom, std::size_t bytes, std::string_view advice) {
  constexpr std::size_t small = std::size_t(16) << 20;  // not worth reading the system's files
  if (bytes > small && bytes > available_memory()) throw not_enough_memory(whom, bytes, advice);
}

}  // namespace frostline::detail

// Compiled once by frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/core/memory_room_body.hpp"
#endif
