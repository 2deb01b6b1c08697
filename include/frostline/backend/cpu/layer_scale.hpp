// SPDX-License-Identifier: MIT
// LayerScale on the CPU.
#pragma once

#include "frostline/backend/cpu/block_of_batch.hpp"
#include "frostline/backend/cpu/memory.hpp"
#include "frostline/layers/layer_scale.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// to = (or +=, if Adds) from * scale, channel by channel.
template <bool Adds>
FROSTLINE_COMPILED_ONCE void times_scale(const Call& call, const BlockedMap& map, const float* from,
                                         float* to) {
  for_each_task(call.team, std::ptrdiff_t(call.batch) * map.blocks(), [&](int task) {
    const BlockOfBatch block{map, 1, task % map.blocks()};
    const Vector scale = load(block.load_channels(call.parameters[0]).of);
    const std::ptrdiff_t first = task * map.block();
    multiply_block<Adds>(map, scale, from + first, to + first);
  });
}

/// Assigns the scale's gradient, or adds to it: sums over pixels and batch of x * dy, of a row in
/// float, of rows in double.
FROSTLINE_COMPILED_ONCE void layer_scale_gradient(const Call& call, const BlockedMap& map) {
  for_each_block(call, map, [&](const BlockOfBatch& block) {
    OfBlock<double> sums;
    block.for_each_row(false, [&](std::ptrdiff_t row) {
      Vector sum{};
      for (std::ptrdiff_t at = row; at < row + map.shape.width * map.pixel; at += map.pixel)
        sum += load(call.inputs[0] + at) * load(call.output_gradient + at);
      for (int i = 0; i < lanes; ++i) sums.of[i] += double(sum[i]);
    });
    for (int i = 0; i < block.channels(); ++i) {
      float& to = call.parameter_gradients[0][block.block * lanes + i];
      to = float(sums.of[i]) + (call.accumulate ? to : 0.0f);
    }
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <int Channels>
struct Kernel<cpu, LayerScale<Channels>> {
  static constexpr Choice choose(const Situation&) { return {Layout::blocked, Layout::blocked}; }
  template <class At>
  static void forward(const Call& call) {
    detail::times_scale<false>(call, detail::BlockedMap{At::in}, call.inputs[0], call.output);
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::times_scale<At::accumulates(0)>(call, detail::BlockedMap{At::in}, call.output_gradient,
                                            call.input_gradients[0]);
  }
  /// Assigns the scale's gradient, or adds to it if the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    detail::layer_scale_gradient(call, detail::BlockedMap{At::in});
  }
};

}  // namespace frostline
