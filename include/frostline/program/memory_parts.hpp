// SPDX-License-Identifier: MIT
// MemoryParts: the offsets of the parts of a network's block of memory.
#pragma once

#include "frostline/program/program.hpp"

namespace frostline::detail {

/// Units: bytes. Memory that each step assigns again comes first, up to `kept`.
struct MemoryParts {
  std::size_t input = 0;  // a batch of images, if the backend has memory of its own
  std::size_t arena = 0;
  std::size_t kept = 0;
  std::size_t trainable = 0, gradient = 0, frozen = 0, buffers = 0, packed = 0;
  std::size_t step = 0;  // the step's seed: eight bytes
  std::size_t bytes = 0;

  constexpr MemoryParts(const Program& program, int max_batch, int threads, bool holds_input) {
    const auto place = [&](std::size_t& part, std::size_t size) {
      part = bytes;
      bytes += (size + alignment - 1) / alignment * alignment;
    };
    const std::size_t image = program.nodes.front().out.size() * sizeof(float);
    place(input, holds_input ? image * std::size_t(max_batch) : 0);
    place(arena, program.arena_bytes(max_batch, threads));
    kept = bytes;
    place(trainable, program.trainable_floats * sizeof(float));
    place(gradient, program.trainable_floats * sizeof(float));
    place(frozen, program.frozen_floats * sizeof(float));
    place(buffers, program.buffer_floats * sizeof(float));
    place(packed, program.packed_floats() * sizeof(float));
    place(step, sizeof(std::uint64_t));
  }

 private:
  static constexpr std::size_t alignment = 256;
};

}  // namespace frostline::detail
