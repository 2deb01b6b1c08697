// SPDX-License-Identifier: MIT
// Upsample on the CPU: bilinear interpolation, one plane a task.
#pragma once

#include "frostline/backend/cpu/elementwise.hpp"
#include "frostline/layers/upsample.hpp"

namespace frostline {

/// The two neighbours of an output along one axis, and the weight of the second.
struct Neighbours {
  int first, second;
  float weight;
  Neighbours(int output, int in, int out) {
    const float at = std::max(0.0f, (float(output) + 0.5f) * (float(in) / float(out)) - 0.5f);
    first = std::min(int(at), in - 1);
    second = std::min(first + 1, in - 1);
    weight = at - float(first);
  }
};

template <int Height, int Width>
struct Kernel<cpu, Upsample<Height, Width>> {
  template <class At>
  static void forward(const Call& call) {
    for_each_task(call.threads, call.batch * At::in.channels, [&](int plane) {
      const float* x = call.inputs[0] + std::size_t(plane) * At::in.pixels();
      float* y = call.output + std::size_t(plane) * At::out.pixels();
      for_each_output<At>([&](Neighbours v, Neighbours h) {
        const float *upper = x + v.first * At::in.width, *lower = x + v.second * At::in.width;
        const float top = (1 - h.weight) * upper[h.first] + h.weight * upper[h.second];
        const float bottom = (1 - h.weight) * lower[h.first] + h.weight * lower[h.second];
        *y++ = (1 - v.weight) * top + v.weight * bottom;
      });
    });
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    for_each_task(call.threads, call.batch * At::in.channels, [&](int plane) {
      float* dx = call.input_gradients[0] + std::size_t(plane) * At::in.pixels();
      const float* dy = call.output_gradient + std::size_t(plane) * At::out.pixels();
      if constexpr (!At::adds(0)) std::fill_n(dx, At::in.pixels(), 0.0f);
      for_each_output<At>([&](Neighbours v, Neighbours h) {
        float *upper = dx + v.first * At::in.width, *lower = dx + v.second * At::in.width;
        upper[h.first] += *dy * (1 - v.weight) * (1 - h.weight);
        upper[h.second] += *dy * (1 - v.weight) * h.weight;
        lower[h.first] += *dy * v.weight * (1 - h.weight);
        lower[h.second] += *dy++ * v.weight * h.weight;
      });
    });
  }

 private:
  template <class At, class Visit>
  static void for_each_output(Visit visit) {
    for (int row = 0; row < At::out.height; ++row) {
      const Neighbours vertical(row, At::in.height, At::out.height);
      for (int column = 0; column < At::out.width; ++column)
        visit(vertical, Neighbours(column, At::in.width, At::out.width));
    }
  }
};

}  // namespace frostline
