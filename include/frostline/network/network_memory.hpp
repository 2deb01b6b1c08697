// SPDX-License-Identifier: MIT
// NetworkMemory: a network's block of memory, and the place of everything in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/program/memory_parts.hpp"

namespace frostline::detail {

/// All pointers are into the backend's memory.
template <class Backend>
class NetworkMemory {
 public:
  using Context = typename Backend::Context;

  /// Throws: Error if max_batch is below 1 or the backend has no room.
  NetworkMemory(const Program& program, int max_batch, Context context)
      : program_(&program),
        context_(std::move(context)),
        max_batch_(checked(max_batch)),
        threads_(Backend::threads()),
        parts_(program, max_batch, threads_, !Backend::in_host_memory),
        block_(Backend::allocate(context_, format_text("a network with max_batch({})", max_batch),
                                 parts_.bytes, parts_.kept)) {}

  const Program& program() const { return *program_; }
  const Node& node(int i) const { return program_->nodes[std::size_t(i)]; }
  const Context& context() const { return context_; }
  int max_batch() const { return max_batch_; }
  int threads() const { return threads_; }

  float* input() const { return at<float>(parts_.input); }
  std::uint64_t* step() const { return at<std::uint64_t>(parts_.step); }
  float* trainable() const { return at<float>(parts_.trainable); }
  float* gradients() const { return at<float>(parts_.gradient); }
  float* parameter(int node, int k) const {
    return at<float>(this->node(node).parameter[k].trains ? parts_.trainable : parts_.frozen) +
           program_->parameters[node][k];
  }
  /// Null for a frozen parameter.
  float* parameter_gradient(int node, int k) const {
    return this->node(node).parameter[k].trains ? gradients() + program_->parameters[node][k]
                                                : nullptr;
  }
  float* buffer(int node, int k) const {
    return at<float>(parts_.buffers) + program_->buffers[node][k];
  }
  float* buffers() const { return at<float>(parts_.buffers); }
  /// The weights that a step's kernel has packed.
  float* packed(int step) const {
    return at<float>(parts_.packed) + program_->facts[std::size_t(step)].packed_offset;
  }

  // The arena: values that grow with the batch, values that do not, a part per thread, scratch.
  /// A value for the whole batch, or null.
  std::byte* batch(const Slot& slot) const {
    return slot.used() ? arena() + slot.offset * std::size_t(max_batch_) : nullptr;
  }
  std::byte* fixed(const Slot& slot) const {
    return slot.used() ? fixed_memory() + slot.offset : nullptr;
  }
  /// A thread's own value of one sample.
  std::byte* own(const Slot& slot, int thread) const {
    return thread_memory() + slot.offset + program_->thread_bytes * std::size_t(thread);
  }
  /// Whether an address is in the network's memory.
  bool holds(const float* place) const {
    const auto address = reinterpret_cast<std::uintptr_t>(place);
    const auto first = reinterpret_cast<std::uintptr_t>(block_.data());
    return address >= first && address < first + parts_.bytes;
  }
  std::byte* scratch() const {
    return thread_memory() + program_->thread_bytes * std::size_t(threads_);
  }

 private:
  static int checked(int max_batch) {
    if (max_batch < 1)
      throw Error(format_text("frostline: max_batch requires at least 1, got {}", max_batch));
    return max_batch;
  }
  template <class T>
  T* at(std::size_t byte) const {
    return reinterpret_cast<T*>(block_.data() + byte);
  }
  std::byte* arena() const { return at<std::byte>(parts_.arena); }
  std::byte* fixed_memory() const {
    return arena() + program_->sample_bytes * std::size_t(max_batch_);
  }
  std::byte* thread_memory() const { return fixed_memory() + program_->fixed_bytes; }

  const Program* program_;
  Context context_;
  int max_batch_;
  int threads_;
  MemoryParts parts_;
  typename Backend::Memory block_;
};

}  // namespace frostline::detail
