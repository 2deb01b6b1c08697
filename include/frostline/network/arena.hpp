// SPDX-License-Identifier: MIT
// Arena: the memory that a network needs for one batch.
#pragma once

#include <cstddef>
#include <cstdint>

#include "frostline/core/backend.hpp"
#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/program/program.hpp"

namespace frostline::detail {

/// Owns the memory of one batch: values and their gradients, what the forward saves for the
/// backward, scratch, and the step's seed; if the backend has memory of its own, also a copy of the
/// images. It holds nothing that must outlive a step, and no parameters (ParameterStore). All
/// addresses are in the backend's memory.
template <class Backend>
class Arena {
 public:
  using Context = typename Backend::Context;

  /// Throws: Error if max_batch is below 1 or the backend has no room.
  Arena(const Program& program, int class_count, int max_batch, const Context& context)
      : program_(&program),
        classes_(class_count),
        max_batch_(max_batch),
        parts_(program, max_batch),
        block_(Backend::allocate(context, name(max_batch), parts_.bytes, parts_.bytes)) {}

  /// What errors call a network's memory.
  static std::string name(int max_batch) {
    return format_text("a network with max_batch({})", max_batch);
  }
  /// Throws: Error if max_batch is below 1.
  static std::size_t bytes(const Program& program, int max_batch) {
    return Parts(program, max_batch).bytes;
  }

  int max_batch() const { return max_batch_; }
  int threads() const { return parts_.threads; }
  float* input() const { return reinterpret_cast<float*>(block_.data() + parts_.input); }
  std::uint64_t* step() const {
    return reinterpret_cast<std::uint64_t*>(block_.data() + parts_.step);
  }
  /// A node's value, from a sample on; a value that exists once per thread is the given thread's.
  float* value(int node, int sample, int thread) const {
    const Slot& slot = program_->activations[node];
    if (slot.inside != no_node) return value(slot.inside, sample, thread) + slot.inner;
    if (slot.per_thread)
      return reinterpret_cast<float*>(thread_memory() + slot.offset +
                                      program_->thread_bytes * std::size_t(thread));
    if (!slot.used()) return nullptr;
    return reinterpret_cast<float*>(batch(slot)) +
           std::size_t(sample) * program_->floats_of(node, classes_);
  }
  /// The gradient of a node's value, or null.
  float* gradient(int node) const {
    const Slot& slot = program_->gradients[node];
    if (slot.inside != no_node) return gradient(slot.inside);
    return reinterpret_cast<float*>(batch(slot));
  }
  /// What a node's forward saves, per sample and for the whole batch, or null.
  std::byte* saved(int node) const { return batch(program_->saved[node]); }
  float* saved_fixed(int node) const {
    const Slot& slot = program_->saved_fixed[node];
    return slot.used() ? reinterpret_cast<float*>(fixed_memory() + slot.offset) : nullptr;
  }
  std::byte* scratch() const {
    return thread_memory() + program_->thread_bytes * std::size_t(threads());
  }
  /// Whether an address is in this memory.
  bool holds(const float* address) const { return detail::holds(block_, address); }

 private:
  /// Offsets of the parts. Units: bytes.
  struct Parts {
    int threads = Backend::threads();
    std::size_t input = 0, values = 0, step = 0, bytes = 0;

    Parts(const Program& program, int max_batch) {
      if (max_batch < 1)
        throw Error(format_text("frostline: max_batch requires at least 1, got {}", max_batch));
      const auto place = [&](std::size_t& part, std::size_t size) {
        part = bytes;
        bytes += (size + 255) / 256 * 256;
      };
      const std::size_t image = program.nodes.front().out.size() * sizeof(float);
      place(input, Backend::in_host_memory ? 0 : image * std::size_t(max_batch));
      place(values, program.arena_bytes(max_batch, threads));
      place(step, sizeof(std::uint64_t));
    }
  };

  // Values that grow with the batch, values that do not, a part per thread, scratch.
  std::byte* values() const { return block_.data() + parts_.values; }
  std::byte* batch(const Slot& slot) const {
    return slot.used() ? values() + slot.offset * std::size_t(max_batch_) : nullptr;
  }
  std::byte* fixed_memory() const {
    return values() + program_->sample_bytes * std::size_t(max_batch_);
  }
  std::byte* thread_memory() const { return fixed_memory() + program_->fixed_bytes; }

  const Program* program_;
  int classes_, max_batch_;
  Parts parts_;
  typename Backend::Memory block_;
};

}  // namespace frostline::detail
