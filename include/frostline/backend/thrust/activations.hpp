// SPDX-License-Identifier: MIT
// SiLU, GELU, Hardswish and Hardsigmoid with Thrust.
#pragma once

#include <cmath>

#include "frostline/backend/thrust/elementwise.hpp"
#include "frostline/layers/gelu.hpp"
#include "frostline/layers/hardsigmoid.hpp"
#include "frostline/layers/hardswish.hpp"
#include "frostline/layers/silu.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

// Element by element, in the order of PyTorch's vectorised loops, which decides the results for
// values that are not finite.
struct SiLUFunction {
  FROSTLINE_DEVICE static float value(float x) { return x / (1 + std::exp(-x)); }
  FROSTLINE_DEVICE static float gradient(float x, float dy) {
    const float logistic = 1 / (1 + std::exp(-x));
    return dy * logistic * (1 + x * (1 - logistic));
  }
};
struct GELUFunction {
  /// The normal distribution's probability of less than x.
  FROSTLINE_DEVICE static float less(float x) { return 0.5f * (1 + std::erf(x * 0.70710678f)); }
  FROSTLINE_DEVICE static float value(float x) { return x * less(x); }
  FROSTLINE_DEVICE static float gradient(float x, float dy) {
    const float density = 0.39894228f * std::exp(-0.5f * x * x);
    return dy * (less(x) + x * density);
  }
};
struct HardsigmoidFunction {
  FROSTLINE_DEVICE static float upto6(float x) {
    const float positive = x + 3 < 0 ? 0.0f : x + 3;
    return positive > 6 ? 6.0f : positive;
  }
  FROSTLINE_DEVICE static float value(float x) { return upto6(x) / 6; }
  FROSTLINE_DEVICE static float gradient(float x, float dy) {
    return x > -3 && x < 3 ? dy / 6 : 0.0f;
  }
};
struct HardswishFunction {
  FROSTLINE_DEVICE static float value(float x) { return x * HardsigmoidFunction::upto6(x) / 6; }
  FROSTLINE_DEVICE static float gradient(float x, float dy) {
    if (x < -3) return 0;
    return x >= 3 ? dy : dy * (x / 3 + 0.5f);
  }
};

template <class Function>
struct Activate {
  const float* x;
  float* y;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const { y[i] = Function::value(x[i]); }
};
template <class Function>
struct ActivateGradient {
  const float *x, *dy;
  float* dx;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    put(dx[i], Function::gradient(x[i], dy[i]), adds);
  }
};

template <class Function>
struct ActivationKernel {
  template <class At>
  static void forward(const Call& call) {
    for_each_index(call.context, floats_of_batch<At>(call),
                   Activate<Function>{call.inputs[0], call.output});
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    for_each_index(call.context, floats_of_batch<At>(call),
                   ActivateGradient<Function>{call.inputs[0], call.output_gradient,
                                              call.input_gradients[0], At::accumulates(0)});
  }
};

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

template <>
struct Kernel<thrust_backend, SiLU>
    : detail::device::ActivationKernel<detail::device::SiLUFunction> {};

template <>
struct Kernel<thrust_backend, GELU>
    : detail::device::ActivationKernel<detail::device::GELUFunction> {};

template <>
struct Kernel<thrust_backend, Hardswish>
    : detail::device::ActivationKernel<detail::device::HardswishFunction> {};

template <>
struct Kernel<thrust_backend, Hardsigmoid>
    : detail::device::ActivationKernel<detail::device::HardsigmoidFunction> {};

}  // namespace frostline
