// SPDX-License-Identifier: MIT
// Linear on the CPU: register tiles over whole rows of the weight, which is stored as in PyTorch.
#pragma once

#include <algorithm>

#include "frostline/backend/cpu/products.hpp"
#include "frostline/layers/linear.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

template <int Outputs>
FROSTLINE_INLINE void dot_rows(const Call& call, int in, int out, int k) {
  constexpr int samples = 3;
  const Rows<const float> weight{call.parameters[0] + std::ptrdiff_t(k) * in, in};
  const auto tile = [&]<int Samples>(int n) __attribute__((always_inline)) {
    dot_tile<Samples, Outputs>(
        {call.inputs[0] + std::ptrdiff_t(n) * in, in}, weight, in,
        [&](int i) { return call.parameters[1][k + i]; },
        {call.output + std::ptrdiff_t(n) * out + k, out}, false);
  };
  int n = 0;
  for (; n + samples <= call.batch; n += samples) tile.template operator()<samples>(n);
  for (; n < call.batch; ++n) tile.template operator()<1>(n);
}

// Compiled once for all sizes.
void linear_forward(const Call& call, int in, int out);
inline void linear_input_gradient(const Call& call, int in, int out, bool adds) {
  const OuterProducts products{.a = call.output_gradient,
                               .a_row = out,
                               .a_sum = 1,
                               .b = {call.parameters[0], in},
                               .c = {call.input_gradients[0], in},
                               .rows = call.batch,
                               .depth = out,
                               .columns = in,
                               .adds = adds};
  products.run(call.team);
}
inline void linear_weight_gradient(const Call& call, int in, int out) {
  const OuterProducts products{.a = call.output_gradient,
                               .a_row = 1,
                               .a_sum = out,
                               .b = {call.inputs[0], in},
                               .c = {call.parameter_gradients[0], in},
                               .rows = out,
                               .depth = call.batch,
                               .columns = in,
                               .adds = call.accumulate};
  products.run(call.team);
}
inline void linear_bias_gradient(const Call& call, int out) {
  for_each_part(call.team, out, [&](std::ptrdiff_t first, std::ptrdiff_t last) {
    float* bias = call.parameter_gradients[1];
    for (std::ptrdiff_t k = first; k < last; ++k) {
      float sum = call.accumulate ? bias[k] : 0.0f;
      for (int n = 0; n < call.batch; ++n) sum += call.output_gradient[n * std::ptrdiff_t(out) + k];
      bias[k] = sum;
    }
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <int In, int Out>
struct Kernel<cpu, Linear<In, Out>> {
  template <class At>
  static void forward(const Call& call) {
    detail::linear_forward(call, In, detail::output_shape<At>(call).channels);
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::linear_input_gradient(call, In, detail::output_shape<At>(call).channels,
                                  At::accumulates(0));
  }
  /// Assigns the gradients of the trainable parameters, or adds to them if the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    if constexpr (At::trains(0))
      detail::linear_weight_gradient(call, In, detail::output_shape<At>(call).channels);
    if constexpr (At::trains(1))
      detail::linear_bias_gradient(call, detail::output_shape<At>(call).channels);
  }
};

}  // namespace frostline

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_KERNELS_COMPILED
#include "frostline/backend/cpu/linear_body.hpp"
#endif
