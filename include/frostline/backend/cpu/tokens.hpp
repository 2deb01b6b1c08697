// SPDX-License-Identifier: MIT
// ClassToken, PositionEmbedding and FirstToken on the CPU.
#pragma once

#include "frostline/backend/cpu/block_of_batch.hpp"
#include "frostline/backend/cpu/elementwise.hpp"
#include "frostline/layers/class_token.hpp"
#include "frostline/layers/first_token.hpp"
#include "frostline/layers/position_embedding.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

// The loops are compiled once for all shapes.
FROSTLINE_COMPILED_ONCE void class_token_forward(const Call& call, const BlockedMap& in,
                                                 const BlockedMap& out) {
  for_each_task(call.team, std::ptrdiff_t(call.batch) * in.blocks(), [&](int task) {
    const BlockOfBatch block{in, 1, task % in.blocks()};
    const float* from = call.inputs[0] + task * in.block();
    float* to = call.output + task * out.block() + out.at(0, 0, 0);
    zero_border(out, to - out.at(0, 0, 0));
    store(to, load(block.load_channels(call.parameters[0]).of));
    for (int y = 0; y < in.shape.height; ++y)
      for (int x = 0; x < in.shape.width; ++x) store(to += lanes, load(from + in.at(0, y, x)));
  });
}
template <bool Adds>
FROSTLINE_COMPILED_ONCE void class_token_input_gradient(const Call& call, const BlockedMap& in,
                                                        const BlockedMap& out) {
  for_each_task(call.team, std::ptrdiff_t(call.batch) * in.blocks(), [&](int task) {
    const float* from = call.output_gradient + task * out.block() + out.at(0, 0, 0);
    float* to = call.input_gradients[0] + task * in.block();
    if constexpr (!Adds) zero_border(in, to);
    for (int y = 0; y < in.shape.height; ++y)
      for (int x = 0; x < in.shape.width; ++x) {
        float* pixel = to + in.at(0, y, x);
        const Vector gradient = load(from += lanes);
        store(pixel, Adds ? load(pixel) + gradient : gradient);
      }
  });
}

/// Assigns the gradient of a parameter of (Tokens, channels), or adds to it: its sum over the
/// batch. It is that of the output's first tokens.
FROSTLINE_COMPILED_ONCE void tokens_gradient(const Call& call, const BlockedMap& out, int tokens) {
  for_each_block(call, out, [&](const BlockOfBatch& block) {
    for (int t = 0; t < tokens; ++t) {
      Vector sum{};
      for (int n = 0; n < call.batch; ++n)
        sum += load(call.output_gradient + n * out.sample() + out.at(block.block, 0, t));
      float* to = call.parameter_gradients[0] + std::ptrdiff_t(t) * out.shape.channels +
                  block.block * lanes;
      for (int i = 0; i < block.channels(); ++i) to[i] = sum[i] + (call.accumulate ? to[i] : 0.0f);
    }
  });
}

FROSTLINE_COMPILED_ONCE void position_embedding_forward(const Call& call, const BlockedMap& map) {
  for_each_task(call.team, std::ptrdiff_t(call.batch) * map.blocks(), [&](int task) {
    const BlockOfBatch block{map, 1, task % map.blocks()};
    const float* embedding = call.parameters[0];
    zero_border(map, call.output + task * map.block());
    for (int t = 0; t < map.shape.width; ++t, embedding += map.shape.channels) {
      const std::ptrdiff_t at = task * map.block() + map.at(0, 0, t);
      const Vector position = load(block.load_channels(embedding).of);
      store(call.output + at, load(call.inputs[0] + at) + position);
    }
  });
}

FROSTLINE_COMPILED_ONCE void first_token_forward(const Call& call, const BlockedMap& in) {
  for_each_task(call.team, std::ptrdiff_t(call.batch) * in.blocks(), [&](int task) {
    const int n = task / in.blocks(), block = task % in.blocks();
    const float* from = call.inputs[0] + n * in.sample() + in.at(block, 0, 0);
    for (int i = 0; i < lanes && block * lanes + i < in.shape.channels; ++i)
      call.output[n * in.shape.channels + block * lanes + i] = from[i];
  });
}
template <bool Adds>
FROSTLINE_COMPILED_ONCE void first_token_input_gradient(const Call& call, const BlockedMap& in) {
  for_each_task(call.team, std::ptrdiff_t(call.batch) * in.blocks(), [&](int task) {
    const int n = task / in.blocks(), block = task % in.blocks();
    float* to = call.input_gradients[0] + task * in.block();
    if constexpr (!Adds) std::fill_n(to, in.block(), 0.0f);
    for (int i = 0; i < lanes && block * lanes + i < in.shape.channels; ++i)
      to[in.at(0, 0, 0) + i] += call.output_gradient[n * in.shape.channels + block * lanes + i];
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <int Channels>
struct Kernel<cpu, ClassToken<Channels>> {
  static constexpr Choice choose(const Situation&) { return {Layout::blocked, Layout::blocked}; }
  template <class At>
  static void forward(const Call& call) {
    detail::class_token_forward(call, detail::BlockedMap{At::in}, detail::BlockedMap{At::out});
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::class_token_input_gradient<At::accumulates(0)>(call, detail::BlockedMap{At::in},
                                                           detail::BlockedMap{At::out});
  }
  /// Assigns the token's gradient, or adds to it if the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    detail::tokens_gradient(call, detail::BlockedMap{At::out}, 1);
  }
};

template <int Channels, int Tokens>
struct Kernel<cpu, PositionEmbedding<Channels, Tokens>> {
  static constexpr Choice choose(const Situation&) { return {Layout::blocked, Layout::blocked}; }
  template <class At>
  static void forward(const Call& call) {
    detail::position_embedding_forward(call, detail::BlockedMap{At::in});
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::pass_gradient(call, detail::stored_floats<At>(call), 0, At::accumulates(0));
  }
  /// Assigns the embedding's gradient, or adds to it if the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    detail::tokens_gradient(call, detail::BlockedMap{At::out}, Tokens);
  }
};

template <>
struct Kernel<cpu, FirstToken> {
  static constexpr Choice choose(const Situation&) { return {Layout::blocked, Layout::plain}; }
  template <class At>
  static void forward(const Call& call) {
    detail::first_token_forward(call, detail::BlockedMap{At::in});
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::first_token_input_gradient<At::accumulates(0)>(call, detail::BlockedMap{At::in});
  }
};

}  // namespace frostline
