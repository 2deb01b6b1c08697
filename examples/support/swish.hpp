// SPDX-License-Identifier: MIT
// Swish: a user's own layer; its declaration and its kernel for the CPU.
#pragma once

#include <cmath>
#include <frostline/backend/cpu.hpp>

namespace examples {

// The declaration: shapes, parameters, and what the backward reads; no arithmetic.
/// x * sigmoid(beta * x), with one trainable beta per channel.
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
  static constexpr frostline::Reads parameter_gradient_reads(int, frostline::Statistics) {
    return {.input = true};
  }
};

}  // namespace examples

// The kernel for the CPU: each thread of a team calls it and computes its part of the channels, so
// that no two of them add to one gradient. A kernel that does not choose a layout gets NCHW. A
// frozen Swish never instantiates the two gradients.
template <int Channels>
struct frostline::Kernel<frostline::cpu, examples::Swish<Channels>> {
  template <class At>
  static void forward(const Call& call) {
    for_each_task(call.team, Channels, [&](int channel) {
      const float beta = call.parameters[0][channel];
      for_each_place<At>(call, channel, [&](std::size_t i) {
        const float x = call.inputs[0][i];
        call.output[i] = x * sigmoid(beta * x);
      });
    });
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    for_each_task(call.team, Channels, [&](int channel) {
      const float beta = call.parameters[0][channel];
      for_each_place<At>(call, channel, [&](std::size_t i) {
        const float x = call.inputs[0][i], s = sigmoid(beta * x);
        const float gradient = call.output_gradient[i] * (s + beta * x * s * (1 - s));
        float& to = call.input_gradients[0][i];
        to = At::accumulates(0) ? to + gradient : gradient;
      });
    });
  }
  /// Assigns beta's gradient, or adds to it if the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    for_each_task(call.team, Channels, [&](int channel) {
      const float beta = call.parameters[0][channel];
      float& gradient = call.parameter_gradients[0][channel];
      if (!call.accumulate) gradient = 0;
      for_each_place<At>(call, channel, [&](std::size_t i) {
        const float x = call.inputs[0][i], s = sigmoid(beta * x);
        gradient += call.output_gradient[i] * x * x * s * (1 - s);
      });
    });
  }

 private:
  static float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }
  // The offset of a channel's numbers in a batch.
  template <class At, class Visit>
  static void for_each_place(const Call& call, int channel, Visit visit) {
    for (std::size_t n = 0; n < std::size_t(call.batch); ++n) {
      const std::size_t first = n * At::in.size() + std::size_t(channel) * At::in.pixels();
      for (std::size_t i = first; i < first + At::in.pixels(); ++i) visit(i);
    }
  }
};
