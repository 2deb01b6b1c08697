// SPDX-License-Identifier: MIT
// Linear on the CPU: Eigen's products.
#pragma once

#include "frostline/backend/cpu/eigen.hpp"
#include "frostline/backend/cpu/memory.hpp"
#include "frostline/layers/linear.hpp"

namespace frostline {

// Compiled once for all sizes.
FROSTLINE_SHARED void linear_forward(const Call& call, int in, int out) {
  for (int n = 0; n < call.batch; ++n)
    std::copy_n(call.parameters[1], out, call.output + std::ptrdiff_t(n) * out);
  multiply_by_transposed(matrix(call.inputs[0], call.batch, in),
                         matrix(call.parameters[0], out, in), matrix(call.output, call.batch, out));
}
FROSTLINE_SHARED void linear_input_gradient(const Call& call, int in, int out, bool adds) {
  const Matrix dx = matrix(call.input_gradients[0], call.batch, in);
  if (!adds) set_zero(dx);
  multiply(matrix(call.output_gradient, call.batch, out), matrix(call.parameters[0], out, in), dx);
}
FROSTLINE_SHARED void linear_parameter_gradient(const Call& call, int in, int out) {
  const Matrix weight = matrix(call.parameter_gradients[0], out, in);
  float* bias = call.parameter_gradients[1];
  if (!call.accumulate) {
    set_zero(weight);
    std::fill_n(bias, out, 0.0f);
  }
  multiply_transposed(matrix(call.output_gradient, call.batch, out),
                      matrix(call.inputs[0], call.batch, in), weight);
  for (int n = 0; n < call.batch; ++n)
    for (int k = 0; k < out; ++k) bias[k] += call.output_gradient[std::ptrdiff_t(n) * out + k];
}

template <int In, int Out>
struct Kernel<cpu, Linear<In, Out>> {
  template <class At>
  static void forward(const Call& call) {
    linear_forward(call, In, Out);
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    linear_input_gradient(call, In, Out, At::adds(0));
  }
  /// Assigns the parameters' gradients, or adds to them where the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    linear_parameter_gradient(call, In, Out);
  }
};

}  // namespace frostline
