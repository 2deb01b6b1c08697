// SPDX-License-Identifier: MIT
// CopyChannels on the CPU: channels of one value to channels of another, in either layout.
#pragma once

#include <algorithm>

#include "frostline/backend/cpu/memory.hpp"
#include "frostline/layers/concat.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// A batch of values, and the channel at which what is copied begins.
template <class Float>
struct ChannelsOf {
  Float* data;
  Shape shape;
  int first;
};

/// Assigns `count` channels in NCHW, or adds to them: a plane a task.
template <bool Adds>
FROSTLINE_COMPILED_ONCE void copy_planes(const Call& call, int count,
                                         const ChannelsOf<const float>& from,
                                         const ChannelsOf<float>& to) {
  const std::ptrdiff_t pixels = std::ptrdiff_t(to.shape.pixels());
  for_each_task(call.team, std::ptrdiff_t(call.batch) * count, [&](int task) {
    const std::ptrdiff_t n = task / count, c = task % count;
    const float* x = from.data + (n * from.shape.channels + from.first + c) * pixels;
    float* y = to.data + (n * to.shape.channels + to.first + c) * pixels;
    for (std::ptrdiff_t i = 0; i < pixels; ++i) y[i] = Adds ? y[i] + x[i] : x[i];
  });
}

/// The same in the blocked layout: a block of the result a task. Of the block that it begins
/// inside, it leaves the earlier channels and the border; of the last, it assigns zero to the
/// channels that follow.
template <bool Adds>
FROSTLINE_COMPILED_ONCE void copy_block_channels(const Call& call, int count,
                                                 const ChannelsOf<const float>& from,
                                                 const ChannelsOf<float>& to) {
  const BlockedMap source{from.shape}, map{to.shape};
  const int first_block = to.first / lanes;
  const int blocks = divide_up(to.first + count, lanes) - first_block;
  for_each_task(call.team, std::ptrdiff_t(call.batch) * blocks, [&](int task) {
    const int n = task / blocks, block = first_block + task % blocks;
    const int low = std::max(to.first - block * lanes, 0);
    const int high = std::min(to.first + count - block * lanes, lanes);
    const int shift = block * lanes + from.first - to.first;  // lane i is channel i + shift
    const float* x = from.data + n * source.sample();
    float* y = to.data + n * map.sample() + block * map.block();
    if (!Adds && low == 0) zero_border(map, y);
    const bool whole = low == 0 && high == lanes && shift % lanes == 0;
    for (int row = 0; row < map.shape.height; ++row) {
      float* pixels = y + map.at(0, row, 0);
      if (whole) {
        const float* copied = x + source.at(shift / lanes, row, 0);
        for (int i = 0; i < map.shape.width * lanes; i += lanes)
          store(pixels + i, Adds ? load(pixels + i) + load(copied + i) : load(copied + i));
        continue;
      }
      for (int lane = low; lane < high; ++lane) {
        const int channel = lane + shift;
        const float* copied = x + source.at(channel / lanes, row, 0) + channel % lanes;
        for (int i = 0; i < map.shape.width * lanes; i += lanes)
          pixels[i + lane] = Adds ? pixels[i + lane] + copied[i] : copied[i];
      }
      for (int lane = Adds ? lanes : high; lane < lanes; ++lane)
        for (int i = 0; i < map.shape.width * lanes; i += lanes) pixels[i + lane] = 0;
    }
  });
}

/// Assigns channels of one value to another of the same height and width, or adds them.
template <bool Adds>
void copy_channels(const Call& call, bool blocked, int count, const ChannelsOf<const float>& from,
                   const ChannelsOf<float>& to) {
  blocked ? copy_block_channels<Adds>(call, count, from, to)
          : copy_planes<Adds>(call, count, from, to);
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <>
struct Kernel<cpu, CopyChannels> {
  static constexpr Choice choose(const Situation& place) { return same_layout(place); }
  template <class At>
  static void forward(const Call& call) {
    detail::copy_channels<false>(call, At::blocked_output, At::in.channels,
                                 {call.inputs[0], At::in, 0},
                                 {call.output, At::out, call.first_channel});
  }
  /// Assigns the branch's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::copy_channels<At::accumulates(0)>(call, At::blocked_output, At::in.channels,
                                              {call.output_gradient, At::out, call.first_channel},
                                              {call.input_gradients[0], At::in, 0});
  }
};

}  // namespace frostline
