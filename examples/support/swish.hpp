// SPDX-License-Identifier: MIT
// Swish: a layer of one's own, its declaration and its kernel for the CPU.
#pragma once

#include <cmath>
#include <frostline/backend/cpu.hpp>

namespace examples {

// What the layer is: shapes, parameters, what its backward reads. No arithmetic.
/// x * sigmoid(beta * x), with one beta a channel that trains.
/// Shapes: {Channels, H, W} to the same. Source: Ramachandran et al. 2017, arXiv:1710.05941
template <int Channels>
struct Swish : frostline::Layer {
  static constexpr bool accepts(frostline::Shape in) { return in.channels == Channels; }
  static constexpr frostline::Shape output(frostline::Shape in) { return in; }
  static constexpr frostline::TensorSpecs parameters() {
    return {{frostline::vector_spec("beta", Channels, {frostline::Initial::constant, 1})}, 1};
  }
  static constexpr frostline::Reads input_gradient_reads(frostline::Statistics) {
    return {.input = true};
  }
  static constexpr frostline::Reads parameter_gradient_reads(frostline::Statistics) {
    return {.input = true};
  }
};

}  // namespace examples

// How the CPU computes it. A frozen Swish never instantiates the two gradients.
template <int Channels>
struct frostline::Kernel<frostline::cpu, examples::Swish<Channels>> {
  template <class At>
  static void forward(const Call& call) {
    for_each_plane<At>(call, [&](std::size_t i, int channel) {
      const float x = call.inputs[0][i];
      call.output[i] = x * sigmoid(call.parameters[0][channel] * x);
    });
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    for_each_plane<At>(call, [&](std::size_t i, int channel) {
      const float x = call.inputs[0][i], beta = call.parameters[0][channel];
      const float s = sigmoid(beta * x);
      put<At::adds(0)>(call.input_gradients[0][i],
                       call.output_gradient[i] * (s + beta * x * s * (1 - s)));
    });
  }
  /// Assigns beta's gradient, or adds to it where the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    float* gradient = call.parameter_gradients[0];
    if (!call.accumulate) std::fill_n(gradient, Channels, 0.0f);
    for_each_plane<At>(call, [&](std::size_t i, int channel) {
      const float x = call.inputs[0][i];
      const float s = sigmoid(call.parameters[0][channel] * x);
      gradient[channel] += call.output_gradient[i] * x * x * s * (1 - s);
    });
  }

 private:
  static float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }
  // One channel a task, so that no two threads add to one gradient.
  template <class At, class Visit>
  static void for_each_plane(const Call& call, Visit visit) {
    for_each_task(call.threads, Channels, [&](int channel) {
      for (std::size_t n = 0; n < std::size_t(call.batch); ++n) {
        const std::size_t first = n * At::in.size() + std::size_t(channel) * At::in.pixels();
        for (std::size_t i = first; i < first + At::in.pixels(); ++i) visit(i, channel);
      }
    });
  }
};
