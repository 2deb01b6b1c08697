// SPDX-License-Identifier: MIT
// SiLU, GELU, Hardswish and Hardsigmoid on the CPU.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "frostline/backend/cpu/elementwise.hpp"
#include "frostline/layers/gelu.hpp"
#include "frostline/layers/hardsigmoid.hpp"
#include "frostline/layers/hardswish.hpp"
#include "frostline/layers/silu.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// exp(x) to about two units of the last place, without a branch or a call, so that compilers
/// vectorise loops of it: 2^n times a polynomial of the rest (Cephes, expf.c). Above 88.7 it is
/// infinity, below -86.9 zero; NaN stays.
FROSTLINE_INLINE float exponential(float x) {
  const float within = x > 88.7f ? 88.7f : x < -87.3f ? -87.3f : x;
  constexpr float rounds = 12582912.0f;  // 1.5 * 2^23: the sum's last bits are the nearest integer
  const float sum = within * 1.44269504f + rounds;
  // Not sum - rounds, which -ffast-math makes of the product alone.
  const auto n = float(std::bit_cast<std::int32_t>(sum) - 0x4b400000);
  const float rest = within - n * 0.693359375f + n * 2.12194440e-4f;
  float polynomial = 1.9875691500e-4f;
  polynomial = polynomial * rest + 1.3981999507e-3f;
  polynomial = polynomial * rest + 8.3334519073e-3f;
  polynomial = polynomial * rest + 4.1665795894e-2f;
  polynomial = polynomial * rest + 1.6666665459e-1f;
  polynomial = polynomial * rest + 5.0000001201e-1f;
  const float power = polynomial * rest * rest + rest + 1;
  // Half of 2^n, since 2^128 is not finite.
  const std::uint32_t exponent = std::bit_cast<std::uint32_t>(sum) + (126u - 0x4b400000u);
  const float scaled = power * std::bit_cast<float>(exponent << 23) * 2;
  return x > 88.7f ? std::bit_cast<float>(0x7f800000u) : scaled;
}

// Element by element: y of x, and the input's gradient of x and the output's. The order of the
// operations, and so the results for values that are not finite, are those of PyTorch's vectorised
// loops.
struct SiLUFunction {
  FROSTLINE_INLINE static float value(float x) { return x / (1 + exponential(-x)); }
  FROSTLINE_INLINE static float gradient(float x, float dy) {
    const float logistic = 1 / (1 + exponential(-x));
    return dy * logistic * (1 + x * (1 - logistic));
  }
};
/// Probabilities of the normal distribution. `less` is that of a value below x: a polynomial times
/// its density, fitted to a relative error of 3e-8 where |x| < 13, so that rounding adds more.
/// The form is that of Abramowitz and Stegun's 7.1.26.
struct Normal {
  float density, less;
  FROSTLINE_INLINE static Normal at(float x) {
    const float power = exponential(-0.5f * x * x), distance = x < 0 ? -x : x;
    const float t = 1 / (1 + 0.35f * distance);
    float polynomial = -0.029146351f;
    polynomial = polynomial * t + 0.14397371f;
    polynomial = polynomial * t - 0.25571833f;
    polynomial = polynomial * t + 0.15917871f;
    polynomial = polynomial * t - 0.023112876f;
    polynomial = polynomial * t + 0.10550925f;
    polynomial = polynomial * t + 0.11983257f;
    polynomial = polynomial * t + 0.13986191f;
    polynomial = polynomial * t + 0.13962141f;
    const float beyond = polynomial * t * power;  // the probability of a value beyond |x|
    return {0.39894228f * power, x < 0 ? beyond : 1 - beyond};
  }
};
struct GELUFunction {
  FROSTLINE_INLINE static float value(float x) { return x * Normal::at(x).less; }
  FROSTLINE_INLINE static float gradient(float x, float dy) {
    const Normal normal = Normal::at(x);
    return dy * (normal.less + x * normal.density);
  }
};
struct HardsigmoidFunction {
  FROSTLINE_INLINE static float upto6(float x) {
    const float positive = x + 3 < 0 ? 0.0f : x + 3;
    return positive > 6 ? 6.0f : positive;
  }
  FROSTLINE_INLINE static float value(float x) { return upto6(x) / 6; }
  FROSTLINE_INLINE static float gradient(float x, float dy) {
    return ((x > -3) & (x < 3)) ? dy / 6 : 0.0f;
  }
};
struct HardswishFunction {
  FROSTLINE_INLINE static float value(float x) { return x * HardsigmoidFunction::upto6(x) / 6; }
  FROSTLINE_INLINE static float gradient(float x, float dy) {
    const float upper = x >= 3 ? dy : dy * (x / 3 + 0.5f);
    return x < -3 ? 0.0f : upper;
  }
};

// The loops are compiled once for all shapes.
template <class Function>
FROSTLINE_COMPILED_ONCE void activation_forward(const Call& call, std::ptrdiff_t count) {
  const float* x = call.inputs[0];
  float* y = call.output;
  for_each_value(call, count, [=](std::ptrdiff_t i) { y[i] = Function::value(x[i]); });
}
template <class Function, bool Adds>
FROSTLINE_COMPILED_ONCE void activation_input_gradient(const Call& call, std::ptrdiff_t count) {
  const float *x = call.inputs[0], *dy = call.output_gradient;
  float* dx = call.input_gradients[0];
  for_each_value(call, count,
                 [=](std::ptrdiff_t i) { put<Adds>(dx[i], Function::gradient(x[i], dy[i])); });
}
/// A kernel of a function that maps zero to zero.
template <class Function>
struct ActivationKernel {
  static constexpr Choice choose(const Situation& place) { return same_layout(place); }
  template <class At>
  static void forward(const Call& call) {
    activation_forward<Function>(call, stored_floats<At>(call));
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    activation_input_gradient<Function, At::accumulates(0)>(call, stored_floats<At>(call));
  }
};

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <>
struct Kernel<cpu, SiLU> : detail::ActivationKernel<detail::SiLUFunction> {};

template <>
struct Kernel<cpu, GELU> : detail::ActivationKernel<detail::GELUFunction> {};

template <>
struct Kernel<cpu, Hardswish> : detail::ActivationKernel<detail::HardswishFunction> {};

/// Hardsigmoid makes a half of zero, so its forward runs block by block.
template <>
struct Kernel<cpu, Hardsigmoid> : detail::ActivationKernel<detail::HardsigmoidFunction> {
  template <class At>
  static void forward(const Call& call) {
    if constexpr (At::blocked_output)
      detail::forward_blocks<detail::HardsigmoidFunction>(call, detail::BlockedMap{At::out});
    else
      detail::activation_forward<detail::HardsigmoidFunction>(call,
                                                              detail::stored_floats<At>(call));
  }
};

}  // namespace frostline
