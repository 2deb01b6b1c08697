// SPDX-License-Identifier: MIT
// ReLU, ReLU6, Add, Flatten, Dropout and StochasticDepth with Thrust.
#pragma once

#include <limits>

#include "frostline/backend/thrust/memory.hpp"
#include "frostline/core/random.hpp"
#include "frostline/layers/add.hpp"
#include "frostline/layers/dropout.hpp"
#include "frostline/layers/flatten.hpp"
#include "frostline/layers/relu.hpp"
#include "frostline/layers/relu6.hpp"
#include "frostline/layers/stochastic_depth.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

// Not-a-number passes through a ReLU forward and backward, as in PyTorch.
struct Positive {
  const float* x;
  float* y;
  float highest;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const float positive = x[i] < 0 ? 0.0f : x[i];
    y[i] = positive > highest ? highest : positive;
  }
};
struct PositiveGradient {
  const float *y, *dy;
  float* dx;
  bool adds, bounded;  // bounded: of a ReLU6
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    put(dx[i], y[i] <= 0 || (bounded && y[i] >= 6) ? 0.0f : dy[i], adds);
  }
};
struct Sum {
  const float *a, *b;
  float* y;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const { y[i] = a[i] + b[i]; }
};
struct Put {
  const float* from;
  float* to;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const { put(to[i], from[i], adds); }
};
/// Which values stay: the same ones as with DropoutMask of the CPU backend. The others are
/// multiplied by zero, as in PyTorch: those that are not finite become not-a-number.
struct Drop {
  std::uint64_t random;
  const std::uint64_t* step;
  float probability;
  std::ptrdiff_t together;  // neighbours that are kept or dropped together
  const float* from;
  float* to;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    // Written out, since a device cannot call a constexpr function of the host.
    std::uint64_t x = random ^ *step ^ (std::uint64_t(i / together) * 0x9e3779b97f4a7c15u);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    const bool kept = float(x >> 40) * 0x1p-24f >= probability;
    put(to[i], from[i] * (kept ? 1 / (1 - probability) : 0.0f), adds);
  }
};

template <class At>
std::ptrdiff_t floats_of_batch(const Call& call) {
  return call.batch * std::ptrdiff_t(At::out.size());
}
/// Copies or adds the output's gradient to an input's.
inline void pass_gradient(const Call& call, std::ptrdiff_t count, int input, bool adds) {
  for_each_index(call.context, count, Put{call.output_gradient, call.input_gradients[input], adds});
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

// Not-a-number passes through both forward and backward, as through PyTorch's ReLU.
template <class Layer>
requires(Layer::kind == detail::Kind::relu || Layer::kind == detail::Kind::relu6)  //
    struct Kernel<thrust_backend, Layer> {
  static constexpr bool bounded = Layer::kind == detail::Kind::relu6;
  template <class At>
  static void forward(const Call& call) {
    const float highest = bounded ? 6.0f : std::numeric_limits<float>::infinity();
    detail::device::for_each_index(call.context, detail::device::floats_of_batch<At>(call),
                                   detail::device::Positive{call.inputs[0], call.output, highest});
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::device::for_each_index(
        call.context, detail::device::floats_of_batch<At>(call),
        detail::device::PositiveGradient{call.output, call.output_gradient, call.input_gradients[0],
                                         At::accumulates(0), bounded});
  }
};

template <>
struct Kernel<thrust_backend, Add> {
  template <class At>
  static void forward(const Call& call) {
    detail::device::for_each_index(
        call.context, detail::device::floats_of_batch<At>(call),
        detail::device::Sum{call.inputs[0], call.inputs[1], call.output});
  }
  /// Assigns each wanted input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    const std::ptrdiff_t count = detail::device::floats_of_batch<At>(call);
    if constexpr (At::wants_input_gradient(0))
      detail::device::pass_gradient(call, count, 0, At::accumulates(0));
    if constexpr (At::wants_input_gradient(1))
      detail::device::pass_gradient(call, count, 1, At::accumulates(1));
  }
};

template <>
struct Kernel<thrust_backend, Flatten> {
  template <class At>
  static void forward(const Call& call) {
    detail::device::for_each_index(call.context, detail::device::floats_of_batch<At>(call),
                                   detail::device::Put{call.inputs[0], call.output, false});
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::device::pass_gradient(call, detail::device::floats_of_batch<At>(call), 0,
                                  At::accumulates(0));
  }
};

namespace detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// The kernel of layers that drop values in training: so many neighbours `Together`.
template <Probability Rate>
struct DroppingKernel {
  template <class At>
  static void forward(const Call& call, std::ptrdiff_t together) {
    const std::ptrdiff_t count = floats_of_batch<At>(call);
    if (At::batch_statistics && call.training)
      for_each_index(
          call.context, count,
          Drop{call.random, call.step, Rate.value, together, call.inputs[0], call.output, false});
    else
      for_each_index(call.context, count, Put{call.inputs[0], call.output, false});
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call, std::ptrdiff_t together) {
    const std::ptrdiff_t count = floats_of_batch<At>(call);
    if constexpr (At::batch_statistics)
      for_each_index(call.context, count,
                     Drop{call.random, call.step, Rate.value, together, call.output_gradient,
                          call.input_gradients[0], At::accumulates(0)});
    else
      pass_gradient(call, count, 0, At::accumulates(0));
  }
};

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace detail::device

template <Probability Rate>
struct Kernel<thrust_backend, Dropout<Rate>> {
  using Dropping = detail::device::DroppingKernel<Rate>;
  template <class At>
  static void forward(const Call& call) {
    Dropping::template forward<At>(call, 1);
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    Dropping::template input_gradient<At>(call, 1);
  }
};

template <Probability Rate>
struct Kernel<thrust_backend, StochasticDepth<Rate>> {
  using Dropping = detail::device::DroppingKernel<Rate>;
  template <class At>
  static void forward(const Call& call) {
    Dropping::template forward<At>(call, std::ptrdiff_t(At::out.size()));
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    Dropping::template input_gradient<At>(call, std::ptrdiff_t(At::out.size()));
  }
};

}  // namespace frostline
