// SPDX-License-Identifier: MIT
// SiLU, GELU, Hardswish and Hardsigmoid on the CPU.
#pragma once

#include <algorithm>

#include "frostline/backend/cpu/elementwise.hpp"
#include "frostline/layers/gelu.hpp"
#include "frostline/layers/hardsigmoid.hpp"
#include "frostline/layers/hardswish.hpp"
#include "frostline/layers/silu.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// exp(x) to about two units of the last place: 2^n times a polynomial of the rest (Cephes,
/// expf.c). Above 88.7 it is infinity, below -86.9 zero; NaN stays. It takes vectors, since g++ 12
/// does not vectorise a loop of it: it makes branches of the selects.
FROSTLINE_INLINE Vector exponential(Vector x) {
  const Vector most = splat(88.7f), least = splat(-87.3f);
  const Vector below = x > most ? most : x;
  const Vector within = below < least ? least : below;
  const Vector rounds = splat(12582912.0f);  // 1.5 * 2^23: the last bits are the nearest integer
  const Vector sum = within * 1.44269504f + rounds;
  // Not sum - rounds, which -ffast-math makes of the product alone.
  const Vector n = __builtin_convertvector(Bits(sum) - 0x4b400000, Vector);
  const Vector rest = within - n * 0.693359375f + n * 2.12194440e-4f;
  Vector polynomial = splat(1.9875691500e-4f);
  polynomial = polynomial * rest + 1.3981999507e-3f;
  polynomial = polynomial * rest + 8.3334519073e-3f;
  polynomial = polynomial * rest + 4.1665795894e-2f;
  polynomial = polynomial * rest + 1.6666665459e-1f;
  polynomial = polynomial * rest + 5.0000001201e-1f;
  const Vector power = polynomial * rest * rest + rest + 1.0f;
  // Half of 2^n, since 2^128 is not finite.
  const Bits exponent = (Bits(sum) + (126 - 0x4b400000)) << 23;
  const Vector scaled = power * Vector(exponent) * 2.0f;
  return x > most ? Vector(Bits{} + 0x7f800000) : scaled;
}

// Vector by vector: y of x, and the input's gradient of x and the output's. The order of the
// operations, and so the results for values that are not finite, are those of PyTorch's vectorised
// loops.
struct SiLUFunction {
  FROSTLINE_INLINE static Vector value(Vector x) { return x / (1.0f + exponential(-x)); }
  FROSTLINE_INLINE static Vector gradient(Vector x, Vector dy) {
    const Vector logistic = 1.0f / (1.0f + exponential(-x));
    return dy * logistic * (1.0f + x * (1.0f - logistic));
  }
};
/// Probabilities of the normal distribution. `less` is that of a value below x: a polynomial times
/// its density, fitted to a relative error of 3e-8 where |x| < 13, so that rounding adds more.
/// The form is that of Abramowitz and Stegun's 7.1.26.
struct Normal {
  Vector density, less;
  FROSTLINE_INLINE static Normal at(Vector x) {
    const Vector power = exponential(-0.5f * x * x), distance = magnitude(x);
    const Vector t = 1.0f / (1.0f + 0.35f * distance);
    Vector polynomial = splat(-0.029146351f);
    polynomial = polynomial * t + 0.14397371f;
    polynomial = polynomial * t - 0.25571833f;
    polynomial = polynomial * t + 0.15917871f;
    polynomial = polynomial * t - 0.023112876f;
    polynomial = polynomial * t + 0.10550925f;
    polynomial = polynomial * t + 0.11983257f;
    polynomial = polynomial * t + 0.13986191f;
    polynomial = polynomial * t + 0.13962141f;
    const Vector beyond = polynomial * t * power;  // the probability of a value beyond |x|
    return {0.39894228f * power, x < Vector{} ? beyond : 1.0f - beyond};
  }
};
struct GELUFunction {
  FROSTLINE_INLINE static Vector value(Vector x) { return x * Normal::at(x).less; }
  FROSTLINE_INLINE static Vector gradient(Vector x, Vector dy) {
    const Normal normal = Normal::at(x);
    return dy * (normal.less + x * normal.density);
  }
};
struct HardsigmoidFunction {
  FROSTLINE_INLINE static Vector value(Vector x) { return relu6(x + 3.0f) / 6.0f; }
  FROSTLINE_INLINE static Vector gradient(Vector x, Vector dy) {
    const Vector three = splat(3);
    return ((x > -three) & (x < three)) ? dy / 6.0f : Vector{};
  }
};
struct HardswishFunction {
  FROSTLINE_INLINE static Vector value(Vector x) { return x * relu6(x + 3.0f) / 6.0f; }
  FROSTLINE_INLINE static Vector gradient(Vector x, Vector dy) {
    const Vector three = splat(3);
    const Vector upper = x >= three ? dy : dy * (x / 3.0f + 0.5f);
    return x < -three ? Vector{} : upper;
  }
};

/// Calls body(i, count) for vectors of `count` floats from the i-th on, shared by the team.
template <class Body>
void for_each_vector(const Call& call, std::ptrdiff_t count, Body body) {
  for_each_part(call.team, (count + lanes - 1) / lanes,
                [&](std::ptrdiff_t first, std::ptrdiff_t last) {
                  std::ptrdiff_t i = first * lanes;
                  for (; i + lanes <= std::min(last * lanes, count); i += lanes) body(i, lanes);
                  if (i < std::min(last * lanes, count)) body(i, int(count - i));
                });
}
/// The next `count` floats, then zeros.
FROSTLINE_INLINE Vector load_some(const float* from, int count) {
  if (count == lanes) return load_unaligned(from);
  Vector v{};
  for (int i = 0; i < count; ++i) v[i] = from[i];
  return v;
}
FROSTLINE_INLINE void store_some(float* to, Vector v, int count) {
  if (count == lanes) return store_unaligned(to, v);
  for (int i = 0; i < count; ++i) to[i] = v[i];
}

// The loops are compiled once for all shapes.
template <class Function>
FROSTLINE_COMPILED_ONCE void activation_forward(const Call& call, std::ptrdiff_t count) {
  for_each_vector(
      call, count, [&](std::ptrdiff_t i, int some) __attribute__((always_inline)) {
        store_some(call.output + i, Function::value(load_some(call.inputs[0] + i, some)), some);
      });
}
template <class Function, bool Adds>
FROSTLINE_COMPILED_ONCE void activation_input_gradient(const Call& call, std::ptrdiff_t count) {
  for_each_vector(
      call, count, [&](std::ptrdiff_t i, int some) __attribute__((always_inline)) {
        float* dx = call.input_gradients[0] + i;
        const Vector gradient = Function::gradient(load_some(call.inputs[0] + i, some),
                                                   load_some(call.output_gradient + i, some));
        store_some(dx, Adds ? load_some(dx, some) + gradient : gradient, some);
      });
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
