// SPDX-License-Identifier: MIT
// LayerScale with Thrust.
#pragma once

#include "frostline/backend/thrust/reduce.hpp"
#include "frostline/layers/layer_scale.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// Multiplies channels by their scales. Shapes: from and to (batch, channels, pixels).
struct TimesScale {
  OverBatch over;
  const float *from, *scale;
  float* to;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    put(to[i], from[i] * scale[i / over.pixels % over.channels], adds);
  }
};
/// The terms of a scale's gradient, which is their sum.
struct ScaleItem {
  OverBatch at;
  const float *x, *dy;
  FROSTLINE_DEVICE Sums operator()(std::ptrdiff_t channel, std::ptrdiff_t i) const {
    return {double(x[at(channel, i)]) * double(dy[at(channel, i)]), 0};
  }
};

template <class AnyCall>
FROSTLINE_COMPILED_ONCE void times_scale(const AnyCall& call, Shape shape, const float* from,
                                         float* to, bool adds) {
  const OverBatch over{shape.channels, std::ptrdiff_t(shape.pixels())};
  for_each_index(call.context, call.batch * std::ptrdiff_t(shape.size()),
                 TimesScale{over, from, call.parameters[0], to, adds});
}
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void layer_scale_gradient(const AnyCall& call, Shape shape) {
  const OverBatch over{shape.channels, std::ptrdiff_t(shape.pixels())};
  sum_rows(call.context, shape.channels, call.batch * over.pixels,
           ScaleItem{over, call.inputs[0], call.output_gradient},
           PutSum{call.parameter_gradients[0], call.accumulate});
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

template <int Channels>
struct Kernel<thrust_backend, LayerScale<Channels>> {
  template <class At>
  static void forward(const Call& call) {
    detail::device::times_scale(call, At::in, call.inputs[0], call.output, false);
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::device::times_scale(call, At::in, call.output_gradient, call.input_gradients[0],
                                At::accumulates(0));
  }
  /// Assigns the scale's gradient, or adds to it where the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    detail::device::layer_scale_gradient(call, At::in);
  }
};

}  // namespace frostline
