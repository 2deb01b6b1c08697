// SPDX-License-Identifier: MIT
// Linear on the CPU: Eigen's products.
#pragma once

#include "frostline/backend/cpu/eigen.hpp"
#include "frostline/backend/cpu/memory.hpp"
#include "frostline/layers/linear.hpp"

namespace frostline {

template <int In, int Out>
struct Kernel<cpu, Linear<In, Out>> {
  template <class At>
  static void forward(const Call& call) {
    const int batch = call.batch;
    Matrix y = matrix(call.output, batch, Out);
    y.noalias() =
        matrix(call.inputs[0], batch, In) * matrix(call.parameters[0], Out, In).transpose();
    y.rowwise() += matrix(call.parameters[1], 1, Out).row(0);
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    const int batch = call.batch;
    Matrix dx = matrix(call.input_gradients[0], batch, In);
    if constexpr (!At::adds(0)) dx.setZero();
    dx.noalias() += matrix(call.output_gradient, batch, Out) * matrix(call.parameters[0], Out, In);
  }
  /// Assigns the parameters' gradients, or adds to them where the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    const int batch = call.batch;
    const ConstMatrix dy = matrix(call.output_gradient, batch, Out);
    Matrix weight = matrix(call.parameter_gradients[0], Out, In);
    if (!call.accumulate) weight.setZero();
    weight.noalias() += dy.transpose() * matrix(call.inputs[0], batch, In);
    Matrix bias = matrix(call.parameter_gradients[1], 1, Out);
    if (!call.accumulate) bias.setZero();
    bias.row(0) += dy.colwise().sum();
  }
};

}  // namespace frostline
