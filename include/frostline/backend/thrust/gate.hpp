// SPDX-License-Identifier: MIT
// Sigmoid and Scale with Thrust: the gates of squeeze-and-excitation.
#pragma once

#include <cmath>

#include "frostline/backend/thrust/elementwise.hpp"
#include "frostline/backend/thrust/reduce.hpp"
#include "frostline/layers/scale.hpp"
#include "frostline/layers/sigmoid.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

struct Logistic {
  const float* x;
  float* y;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const { y[i] = 1 / (1 + std::exp(-x[i])); }
};
struct LogisticGradient {
  const float *y, *dy;
  float* dx;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    put(dx[i], dy[i] * (1 - y[i]) * y[i], adds);
  }
};
/// Multiplies channels by their gates. Shapes: from and to (batch, channels, pixels), gate (batch,
/// channels).
struct TimesGate {
  const float *from, *gate;
  float* to;
  std::ptrdiff_t pixels;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    put(to[i], from[i] * gate[i / pixels], adds);
  }
};
/// The terms of a gate's gradient, which is their sum.
struct GateItem {
  const float *x, *dy;
  std::ptrdiff_t pixels;
  FROSTLINE_DEVICE Sums operator()(std::ptrdiff_t channel, std::ptrdiff_t i) const {
    return {double(x[channel * pixels + i]) * double(dy[channel * pixels + i]), 0};
  }
};

template <class AnyCall>
FROSTLINE_COMPILED_ONCE void times_gate(const AnyCall& call, Shape shape, const float* from,
                                        float* to, bool adds) {
  for_each_index(call.context, call.batch * std::ptrdiff_t(shape.size()),
                 TimesGate{from, call.inputs[1], to, std::ptrdiff_t(shape.pixels()), adds});
}
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void gate_gradient(const AnyCall& call, Shape shape, bool adds) {
  const auto pixels = std::ptrdiff_t(shape.pixels());
  sum_rows(call.context, std::ptrdiff_t(call.batch) * shape.channels, pixels,
           GateItem{call.inputs[0], call.output_gradient, pixels},
           PutSum{call.input_gradients[1], adds});
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

template <>
struct Kernel<thrust_backend, Sigmoid> {
  template <class At>
  static void forward(const Call& call) {
    detail::device::for_each_index(call.context, detail::device::floats_of_batch<At>(call),
                                   detail::device::Logistic{call.inputs[0], call.output});
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::device::for_each_index(
        call.context, detail::device::floats_of_batch<At>(call),
        detail::device::LogisticGradient{call.output, call.output_gradient, call.input_gradients[0],
                                         At::accumulates(0)});
  }
};

template <>
struct Kernel<thrust_backend, Scale> {
  template <class At>
  static void forward(const Call& call) {
    detail::device::times_gate(call, At::in, call.inputs[0], call.output, false);
  }
  /// Assigns each wanted input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    if constexpr (At::wants_input_gradient(0))
      detail::device::times_gate(call, At::in, call.output_gradient, call.input_gradients[0],
                                 At::accumulates(0));
    if constexpr (At::wants_input_gradient(1))
      detail::device::gate_gradient(call, At::in, At::accumulates(1));
  }
};

}  // namespace frostline
