// SPDX-License-Identifier: MIT
// CopyChannels with Thrust.
#pragma once

#include "frostline/backend/thrust/memory.hpp"
#include "frostline/layers/concat.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// Copies a branch's numbers to their places in all images of the joined value, or back. Units:
/// floats per image; `first` is the branch's offset in a joined image.
struct CopyToJoined {
  const float* branch;
  float* joined;
  std::ptrdiff_t branch_size, joined_size, first;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    joined[i / branch_size * joined_size + first + i % branch_size] = branch[i];
  }
};
struct CopyToBranch {
  const float* joined;
  float* branch;
  std::ptrdiff_t branch_size, joined_size, first;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    put(branch[i], joined[i / branch_size * joined_size + first + i % branch_size], adds);
  }
};

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

template <>
struct Kernel<thrust_backend, CopyChannels> {
  template <class At>
  static void forward(const Call& call) {
    constexpr std::ptrdiff_t branch = At::in.size(), joined = At::out.size();
    detail::device::for_each_index(
        call.context, call.batch * branch,
        detail::device::CopyToJoined{call.inputs[0], call.output, branch, joined, first<At>(call)});
  }
  /// Assigns the branch's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    constexpr std::ptrdiff_t branch = At::in.size(), joined = At::out.size();
    detail::device::for_each_index(
        call.context, call.batch * branch,
        detail::device::CopyToBranch{call.output_gradient, call.input_gradients[0], branch, joined,
                                     first<At>(call), At::accumulates(0)});
  }

 private:
  template <class At>
  static std::ptrdiff_t first(const Call& call) {
    return call.first_channel * std::ptrdiff_t(At::in.pixels());
  }
};

}  // namespace frostline
