// SPDX-License-Identifier: MIT
// Sigmoid and Scale on the CPU: the gates of squeeze-and-excitation.
#pragma once

#include <algorithm>
#include <cmath>

#include "frostline/backend/cpu/elementwise.hpp"
#include "frostline/layers/scale.hpp"
#include "frostline/layers/sigmoid.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

struct Logistic {
  static float value(float x) { return 1 / (1 + std::exp(-x)); }
  static Vector value(Vector x) {
    for (int i = 0; i < lanes; ++i) x[i] = value(float(x[i]));
    return x;
  }
};

// The loops are compiled once for all shapes.
FROSTLINE_COMPILED_ONCE void sigmoid_forward(const Call& call, Shape shape) {
  for_each_part(call.team, call.batch * std::ptrdiff_t(shape.size()),
                [&](std::ptrdiff_t first, std::ptrdiff_t last) {
                  for (std::ptrdiff_t i = first; i < last; ++i)
                    call.output[i] = Logistic::value(call.inputs[0][i]);
                });
}
template <bool Adds>
FROSTLINE_COMPILED_ONCE void sigmoid_input_gradient(const Call& call, std::ptrdiff_t count) {
  const float *y = call.output, *dy = call.output_gradient;
  float* dx = call.input_gradients[0];
  for_each_value(call, count,
                 [=](std::ptrdiff_t i) { put<Adds>(dx[i], dy[i] * (1 - y[i]) * y[i]); });
}

/// to = (or +=, if Adds) from * gate, channel by channel. Shapes: NCHW.
template <bool Adds>
FROSTLINE_COMPILED_ONCE void times_gate(const Call& call, Shape shape, const float* from,
                                        float* to) {
  const auto pixels = std::ptrdiff_t(shape.pixels());
  for_each_task(call.team, std::ptrdiff_t(call.batch) * shape.channels, [&](int channel) {
    const float gate = call.inputs[1][channel];
    for (std::ptrdiff_t i = channel * pixels; i < (channel + 1) * pixels; ++i)
      put<Adds>(to[i], from[i] * gate);
  });
}
/// The same for blocked values.
template <bool Adds>
FROSTLINE_COMPILED_ONCE void times_gate(const Call& call, const BlockedMap& map,
                                        const BlockedMap& gates, const float* from, float* to) {
  for_each_task(call.team, std::ptrdiff_t(call.batch) * map.blocks(), [&](int task) {
    const Vector gate = load(call.inputs[1] + task * gates.block() + gates.at(0, 0, 0));
    const std::ptrdiff_t block = task * map.block();
    multiply_block<Adds>(map, gate, from + block, to + block);
  });
}

/// Assigns the gates' gradient, or adds to it: of each, the sum over pixels of x * dy.
template <bool Adds>
FROSTLINE_COMPILED_ONCE void gate_gradient(const Call& call, Shape shape) {
  const auto pixels = std::ptrdiff_t(shape.pixels());
  const float *x = call.inputs[0], *dy = call.output_gradient;
  for_each_task(call.team, std::ptrdiff_t(call.batch) * shape.channels, [&](int channel) {
    double sum = 0;
    for (std::ptrdiff_t i = channel * pixels; i < (channel + 1) * pixels; ++i)
      sum += double(x[i]) * double(dy[i]);
    put<Adds>(call.input_gradients[1][channel], float(sum));
  });
}
template <bool Adds>
FROSTLINE_COMPILED_ONCE void gate_gradient(const Call& call, const BlockedMap& map,
                                           const BlockedMap& gates) {
  for_each_task(call.team, std::ptrdiff_t(call.batch) * map.blocks(), [&](int task) {
    const float* x = call.inputs[0] + task * map.block();
    const float* dy = call.output_gradient + task * map.block();
    float* gradient = call.input_gradients[1] + task * gates.block();
    double sums[lanes]{};
    for (int row = 0; row < map.shape.height; ++row) {
      Vector sum{};
      for (int column = 0; column < map.shape.width; ++column) {
        const std::ptrdiff_t at = map.at(0, row, column);
        sum += load(x + at) * load(dy + at);
      }
      for (int i = 0; i < lanes; ++i) sums[i] += double(sum[i]);
    }
    if constexpr (!Adds) zero_border(gates, gradient);
    for (int i = 0; i < lanes; ++i) put<Adds>(gradient[gates.at(0, 0, 0) + i], float(sums[i]));
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <>
struct Kernel<cpu, Sigmoid> {
  static constexpr Choice choose(const Situation& place) { return same_layout(place); }
  template <class At>
  static void forward(const Call& call) {
    if constexpr (At::blocked_output)
      detail::forward_blocks<detail::Logistic>(call, detail::BlockedMap{At::out});
    else
      detail::sigmoid_forward(call, At::out);
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::sigmoid_input_gradient<At::accumulates(0)>(call, detail::stored_floats<At>(call));
  }
};

template <>
struct Kernel<cpu, Scale> {
  static constexpr Choice choose(const Situation& place) { return same_layout(place); }
  template <class At>
  static void forward(const Call& call) {
    multiply<At, false>(call, call.inputs[0], call.output);
  }
  /// Assigns each wanted input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    if constexpr (At::wants_input_gradient(0))
      multiply<At, At::accumulates(0)>(call, call.output_gradient, call.input_gradients[0]);
    if constexpr (At::wants_input_gradient(1) && At::blocked_input)
      detail::gate_gradient<At::accumulates(1)>(call, detail::BlockedMap{At::in},
                                                detail::BlockedMap{At::input(1).shape});
    else if constexpr (At::wants_input_gradient(1))
      detail::gate_gradient<At::accumulates(1)>(call, At::in);
  }

 private:
  template <class At, bool Adds>
  static void multiply(const Call& call, const float* from, float* to) {
    if constexpr (At::blocked_input)
      detail::times_gate<Adds>(call, detail::BlockedMap{At::in},
                               detail::BlockedMap{At::input(1).shape}, from, to);
    else
      detail::times_gate<Adds>(call, At::in, from, to);
  }
};

}  // namespace frostline
