// SPDX-License-Identifier: MIT
// Linear with Thrust: products of whole batches.
#pragma once

#include "frostline/backend/thrust/gemm.hpp"
#include "frostline/backend/thrust/reduce.hpp"
#include "frostline/layers/linear.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

struct Repeat {
  const float* from;
  float* to;
  std::ptrdiff_t period;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const { to[i] = from[i % period]; }
};

template <class AnyCall>
FROSTLINE_COMPILED_ONCE void linear_forward(const AnyCall& call, int in, int out) {
  for_each_index(call.context, std::ptrdiff_t(call.batch) * out,
                 Repeat{call.parameters[1], call.output, out});
  gemm(call.context, call.batch, out, in, {call.inputs[0], in}, {call.parameters[0], in, true},
       {call.output, out}, true);
}
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void linear_input_gradient(const AnyCall& call, int in, int out,
                                                   bool adds) {
  gemm(call.context, call.batch, in, out, {call.output_gradient, out}, {call.parameters[0], in},
       {call.input_gradients[0], in}, adds);
}
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void linear_weight_gradient(const AnyCall& call, int in, int out) {
  gemm(call.context, out, in, call.batch, {call.output_gradient, out, true}, {call.inputs[0], in},
       {call.parameter_gradients[0], in}, call.accumulate);
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

template <int In, int Out>
struct Kernel<thrust_backend, Linear<In, Out>> {
  template <class At>
  static void forward(const Call& call) {
    detail::device::linear_forward(call, In, detail::output_shape<At>(call).channels);
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::device::linear_input_gradient(call, In, detail::output_shape<At>(call).channels,
                                          At::accumulates(0));
  }
  /// Assigns the gradients of trainable parameters, or adds to them where the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    if constexpr (At::trains(0))
      detail::device::linear_weight_gradient(call, In, detail::output_shape<At>(call).channels);
    if constexpr (At::trains(1))
      detail::device::bias_gradient(call, detail::output_shape<At>(call),
                                    call.parameter_gradients[1]);
  }
};

}  // namespace frostline
