// SPDX-License-Identifier: MIT
// IsBackend: the members that a network needs of a backend, besides kernels.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "frostline/core/team.hpp"

namespace frostline::detail {

/// A block of a backend's memory, aligned to a cache line and zeroed. A default-constructed one is
/// empty.
template <class T>
concept IsBackendMemory = std::movable<T> && std::default_initializable<T> &&
    requires(const T& memory) {
  { memory.data() } -> std::same_as<std::byte*>;
  { memory.size() } -> std::same_as<std::size_t>;
};

/// Whether an address is in a block of a backend's memory.
template <IsBackendMemory Memory>
bool holds(const Memory& block, const void* address) {
  const auto first = reinterpret_cast<std::uintptr_t>(block.data());
  const auto place = reinterpret_cast<std::uintptr_t>(address);
  return place >= first && place < first + block.size();
}

}  // namespace frostline::detail

namespace frostline {

/// A backend: a type with only static members. tests/static/minimal_backend.hpp is the smallest.
/// - `Context` holds its resources, such as a CUDA stream; `synchronize()` waits until all queued
///   work is done.
/// - `allocate(context, whom, bytes, unset)` allocates memory and zeroes it, except the first
///   `unset` bytes. Throws: Error with `whom` and the bytes, if there is not enough.
/// - `copy_in`, `copy_out` and `copy` copy bytes: from the host's memory to the backend's, from
///   there to the host's, within the backend's. `in_host_memory` says that both are the same; if
///   they are not, a network returns spans of the backend's memory that the host cannot index
///   (DeviceSpan).
/// - `run(threads(), body)` calls body(team) in each thread of a team.
/// - `Replay` runs a step's kernels, or queues a recording of them (`run`, `forget`).
/// It may also have `whole_batches`, true if its kernels take whole batches and not single images;
/// `blocked_floats(shape)` and `padded(shape)`, if its values have a layout besides NCHW, in which
/// whole blocks of channels must follow one another (a Concat's branch is written in place); and
/// `require_room(context, whom, bytes)`, which throws Error if allocations of so many bytes in all
/// cannot succeed. A backend with memory of its own also has `queue(where, node, work)`: it calls
/// work(), which queues kernels, and reports errors of their launch.
template <class T>
concept IsBackend = detail::IsBackendMemory<typename T::Memory> &&
    std::copyable<typename T::Context> && std::movable<typename T::Replay> &&
    requires(const typename T::Context& context, typename T::Replay& replay, std::string_view whom,
             void* to, const void* from, std::size_t bytes, void (*body)(const Team&),
             void (*queue)()) {
  { T::in_host_memory } -> std::convertible_to<bool>;
  { T::allocate(context, whom, bytes, bytes) } -> std::same_as<typename T::Memory>;
  T::copy_in(context, to, from, bytes);
  T::copy_out(context, to, from, bytes);
  T::copy(context, to, from, bytes);
  { T::threads() } -> std::same_as<int>;
  T::run(1, body);
  context.synchronize();
  replay.run(context, 1, queue);
  replay.forget();
};

}  // namespace frostline
