// SPDX-License-Identifier: MIT
// A backend that pretends to have memory of its own: the smallest backend, with DeviceSpans.
#pragma once

#include <limits>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "static/minimal_backend.hpp"

namespace frostline::test {

struct device_backend : minimal_backend {
  static constexpr bool in_host_memory = false;
  static inline std::size_t allocated = 0;  // bytes of all allocations
  static inline std::size_t room = std::numeric_limits<std::size_t>::max();
  static void require_room(const Context&, std::string_view whom, std::size_t bytes) {
    if (bytes > room) throw Error(detail::format_text("{} takes {} bytes", whom, bytes));
  }
  static Memory allocate(const Context&, std::string_view, std::size_t bytes, std::size_t = 0) {
    allocated += bytes;
    return Memory(bytes);
  }
  template <class Work>
  static void queue(std::string_view, const detail::Path&, Work work) {
    work();
  }
};
static_assert(IsBackend<device_backend>);

}  // namespace frostline::test

template <>
struct frostline::Kernel<frostline::test::device_backend, frostline::ReLU>
    : frostline::Kernel<frostline::test::minimal_backend, frostline::ReLU> {};
template <int In, int Out>
struct frostline::Kernel<frostline::test::device_backend, frostline::Linear<In, Out>>
    : frostline::Kernel<frostline::test::minimal_backend, frostline::Linear<In, Out>> {};
