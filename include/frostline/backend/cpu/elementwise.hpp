// SPDX-License-Identifier: MIT
// ReLU, ReLU6, Add, Flatten, Dropout and StochasticDepth on the CPU.
#pragma once

#include <algorithm>
#include <cstdint>

#include "frostline/backend/cpu/memory.hpp"
#include "frostline/backend/cpu/parallel.hpp"
#include "frostline/core/random.hpp"
#include "frostline/layers/add.hpp"
#include "frostline/layers/dropout.hpp"
#include "frostline/layers/flatten.hpp"
#include "frostline/layers/relu.hpp"
#include "frostline/layers/relu6.hpp"
#include "frostline/layers/stochastic_depth.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// Assigns or adds a gradient.
template <bool Adds>
void put(float& to, float gradient) {
  if constexpr (Adds)
    to += gradient;
  else
    to = gradient;
}

/// The floats of a batch's outputs in their layout. A function that maps zero to zero may run over
/// all of them, including the borders of blocked values.
template <class At>
std::ptrdiff_t stored_floats(const Call& call) {
  constexpr BlockedMap map{At::out};
  return call.batch * (At::blocked_output ? map.sample() : std::ptrdiff_t(At::out.size()));
}

/// Runs body(i) for i in [0, count); each thread gets whole cache lines.
template <class Body>
void for_each_value(const Call& call, std::ptrdiff_t count, Body body) {
  constexpr std::ptrdiff_t line = 16;
  for_each_part(call.team, (count + line - 1) / line,
                [=](std::ptrdiff_t first, std::ptrdiff_t last) {
                  const std::ptrdiff_t end = std::min(last * line, count);
#pragma omp simd
                  for (std::ptrdiff_t i = first * line; i < end; ++i) body(i);
                });
}

/// to[i] = value(i) for i in [0, count); large values are written past the caches.
template <class Value>
void assign_values(const Call& call, std::ptrdiff_t count, float* to, Value value) {
  if (count <= most_cached_floats || count % 16 != 0 ||
      reinterpret_cast<std::uintptr_t>(to) % 64 != 0) {
    for_each_value(call, count, [=](std::ptrdiff_t i) { to[i] = value(i); });
    return;
  }
  constexpr int line = 16;
  for_each_part(call.team, count / line, [=](std::ptrdiff_t first, std::ptrdiff_t last) {
    for (std::ptrdiff_t i = first * line; i < last * line; i += line) {
      alignas(64) float values[line];
#pragma omp simd
      for (int k = 0; k < line; ++k) values[k] = value(i + k);
      for (int k = 0; k < line; k += lanes) stream(to + i + k, load(values + k));
    }
    finish_streaming();
  });
}

/// The blocked output of a function that makes something else of zero: the zeros of a border and of
/// channels that do not exist stay zeros.
template <class Function>
FROSTLINE_COMPILED_ONCE void forward_blocks(const Call& call, const BlockedMap& map) {
  for_each_task(call.team, std::ptrdiff_t(call.batch) * map.blocks(), [&](int task) {
    const float* x = call.inputs[0] + task * map.block();
    float* y = call.output + task * map.block();
    const int exist = std::min(lanes, map.shape.channels - task % map.blocks() * lanes);
    zero_border(map, y);
    for (int row = 0; row < map.shape.height; ++row)
      for (int column = 0; column < map.shape.width; ++column) {
        const std::ptrdiff_t at = map.at(0, row, column);
        store(y + at, first_lanes(Function::value(load(x + at)), exist));
      }
  });
}

// The loops are compiled only once for all shapes, so that programs compile quickly. NaN passes
// through a ReLU in both directions, as in PyTorch.
FROSTLINE_COMPILED_ONCE void relu_forward(const Call& call, std::ptrdiff_t count) {
  const float* x = call.inputs[0];
  float* y = call.output;
  assign_values(call, count, y, [=](std::ptrdiff_t i) { return x[i] < 0 ? 0.0f : x[i]; });
}
template <bool Adds>
FROSTLINE_COMPILED_ONCE void relu_input_gradient(const Call& call, std::ptrdiff_t count) {
  const float *y = call.output, *dy = call.output_gradient;
  float* dx = call.input_gradients[0];
  const auto slope = [=](std::ptrdiff_t i) { return y[i] <= 0 ? 0.0f : dy[i]; };
  if constexpr (Adds)
    for_each_value(call, count, [=](std::ptrdiff_t i) { dx[i] += slope(i); });
  else
    assign_values(call, count, dx, slope);
}
FROSTLINE_COMPILED_ONCE void relu6_forward(const Call& call, std::ptrdiff_t count) {
  const float* x = call.inputs[0];
  float* y = call.output;
  assign_values(call, count, y, [=](std::ptrdiff_t i) {
    const float positive = x[i] < 0 ? 0.0f : x[i];
    return positive > 6 ? 6.0f : positive;
  });
}
template <bool Adds>
FROSTLINE_COMPILED_ONCE void relu6_input_gradient(const Call& call, std::ptrdiff_t count) {
  const float *y = call.output, *dy = call.output_gradient;
  float* dx = call.input_gradients[0];
  const auto slope = [=](std::ptrdiff_t i) { return y[i] <= 0 || y[i] >= 6 ? 0.0f : dy[i]; };
  if constexpr (Adds)
    for_each_value(call, count, [=](std::ptrdiff_t i) { dx[i] += slope(i); });
  else
    assign_values(call, count, dx, slope);
}
FROSTLINE_COMPILED_ONCE void add_forward(const Call& call, std::ptrdiff_t count) {
  const float *a = call.inputs[0], *b = call.inputs[1];
  float* y = call.output;
  for_each_value(call, count, [=](std::ptrdiff_t i) { y[i] = a[i] + b[i]; });
}
FROSTLINE_COMPILED_ONCE void copy(const Call& call, std::ptrdiff_t count, const float* from,
                                  float* to) {
  for_each_value(call, count, [=](std::ptrdiff_t i) { to[i] = from[i]; });
}
FROSTLINE_COMPILED_ONCE void add_to(const Call& call, std::ptrdiff_t count, const float* from,
                                    float* to) {
  for_each_value(call, count, [=](std::ptrdiff_t i) { to[i] += from[i]; });
}
/// Assigns the output's gradient to an input's, or adds it.
inline void pass_gradient(const Call& call, std::ptrdiff_t count, int input, bool adds) {
  float* to = call.input_gradients[input];
  adds ? add_to(call, count, call.output_gradient, to)
       : copy(call, count, call.output_gradient, to);
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <>
struct Kernel<cpu, ReLU> {
  static constexpr Choice choose(const Situation& place) { return same_layout(place); }
  template <class At>
  static void forward(const Call& call) {
    detail::relu_forward(call, detail::stored_floats<At>(call));
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::relu_input_gradient<At::accumulates(0)>(call, detail::stored_floats<At>(call));
  }
};

template <>
struct Kernel<cpu, ReLU6> {
  static constexpr Choice choose(const Situation& place) { return same_layout(place); }
  template <class At>
  static void forward(const Call& call) {
    detail::relu6_forward(call, detail::stored_floats<At>(call));
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::relu6_input_gradient<At::accumulates(0)>(call, detail::stored_floats<At>(call));
  }
};

template <>
struct Kernel<cpu, Add> {
  static constexpr Choice choose(const Situation& place) { return same_layout(place); }
  template <class At>
  static void forward(const Call& call) {
    detail::add_forward(call, detail::stored_floats<At>(call));
  }
  /// Assigns the gradient of each input that wants one, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    if constexpr (At::wants_input_gradient(0))
      detail::pass_gradient(call, detail::stored_floats<At>(call), 0, At::accumulates(0));
    if constexpr (At::wants_input_gradient(1))
      detail::pass_gradient(call, detail::stored_floats<At>(call), 1, At::accumulates(1));
  }
};

template <>
struct Kernel<cpu, Flatten> {
  template <class At>
  static void forward(const Call& call) {
    detail::copy(call, detail::stored_floats<At>(call), call.inputs[0], call.output);
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::pass_gradient(call, detail::stored_floats<At>(call), 0, At::accumulates(0));
  }
};

}  // namespace frostline

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// Whether a value (or an image) is kept: a hash of the step, the node and the index in NCHW (in
/// the batch). It does not depend on the number of threads or the layout, and the backward computes
/// it again.
struct DropoutMask {
  std::uint64_t random;
  float probability;
  bool kept(std::uint64_t place) const {
    return float(scramble(random ^ (place * golden_ratio)) >> 40) * 0x1p-24f >= probability;
  }
};

/// Assigns or adds the kept values of `from`, scaled. The others are multiplied by zero, as in
/// PyTorch, so that infinity becomes NaN.
template <bool Adds>
FROSTLINE_COMPILED_ONCE void drop(const Call& call, Shape shape, bool blocked, float probability,
                                  const float* from, float* to) {
  const DropoutMask mask{call.random ^ *call.step, probability};
  const float scale = 1 / (1 - probability);
  const auto one = [=](std::ptrdiff_t at, std::size_t place) {
    put<Adds>(to[at], from[at] * (mask.kept(place) ? scale : 0.0f));
  };
  if (!blocked) {
    for_each_part(call.team, call.batch * std::ptrdiff_t(shape.size()),
                  [=](std::ptrdiff_t first, std::ptrdiff_t last) {
                    for (std::ptrdiff_t i = first; i < last; ++i) one(i, std::size_t(i));
                  });
    return;
  }
  const BlockedMap map{shape};
  for_each_task(call.team, std::ptrdiff_t(call.batch) * map.blocks(), [&](int task) {
    const std::size_t n = std::size_t(task / map.blocks()), b = std::size_t(task % map.blocks());
    const std::size_t first = n * shape.size() + b * lanes * shape.pixels();
    if (!Adds) zero_border(map, to + task * map.block());
    for (int y = 0; y < shape.height; ++y)
      for (int x = 0; x < shape.width; ++x)
        for (int lane = 0; lane < lanes; ++lane)  // padded channels are zero, kept or not
          one(task * map.block() + map.at(0, y, x) + lane,
              first + std::size_t(lane) * shape.pixels() + std::size_t(y * shape.width + x));
  });
}

/// Assigns or adds the kept images of `from`, scaled; those that are not are multiplied by zero.
/// `sample`: the stored floats of an image.
template <bool Adds>
FROSTLINE_COMPILED_ONCE void drop_images(const Call& call, std::ptrdiff_t sample, float probability,
                                         const float* from, float* to) {
  const DropoutMask mask{call.random ^ *call.step, probability};
  for (int n = 0; n < call.batch; ++n, from += sample, to += sample) {
    const float factor = mask.kept(std::uint64_t(n)) ? 1 / (1 - probability) : 0.0f;
    for_each_value(call, sample, [=](std::ptrdiff_t i) { put<Adds>(to[i], from[i] * factor); });
  }
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <Probability Drop>
struct Kernel<cpu, Dropout<Drop>> {
  static constexpr Choice choose(const Situation& place) { return same_layout(place); }
  template <class At>
  static void forward(const Call& call) {
    if (At::batch_statistics && call.training)
      detail::drop<false>(call, At::out, At::blocked_output, Drop.value, call.inputs[0],
                          call.output);
    else
      detail::copy(call, detail::stored_floats<At>(call), call.inputs[0], call.output);
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    if constexpr (At::batch_statistics)
      detail::drop<At::accumulates(0)>(call, At::out, At::blocked_output, Drop.value,
                                       call.output_gradient, call.input_gradients[0]);
    else
      detail::pass_gradient(call, detail::stored_floats<At>(call), 0, At::accumulates(0));
  }
};

template <Probability Drop>
struct Kernel<cpu, StochasticDepth<Drop>> {
  static constexpr Choice choose(const Situation& place) { return same_layout(place); }
  template <class At>
  static void forward(const Call& call) {
    if (At::batch_statistics && call.training)
      detail::drop_images<false>(call, sample<At>(), Drop.value, call.inputs[0], call.output);
    else
      detail::copy(call, detail::stored_floats<At>(call), call.inputs[0], call.output);
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    if constexpr (At::batch_statistics)
      detail::drop_images<At::accumulates(0)>(call, sample<At>(), Drop.value, call.output_gradient,
                                              call.input_gradients[0]);
    else
      detail::pass_gradient(call, detail::stored_floats<At>(call), 0, At::accumulates(0));
  }

 private:
  template <class At>
  static std::ptrdiff_t sample() {
    return detail::stored_floats<At>({.batch = 1});
  }
};

}  // namespace frostline
