// SPDX-License-Identifier: MIT
// ReLU, Add, Flatten and Dropout on the CPU.
#pragma once

#include "frostline/backend/cpu/memory.hpp"
#include "frostline/backend/cpu/parallel.hpp"
#include "frostline/layers/dropout.hpp"
#include "frostline/layers/flatten.hpp"
#include "frostline/layers/relu.hpp"
#include "frostline/layers/residual.hpp"

namespace frostline {

/// Assigns or adds a gradient.
template <bool Adds>
void put(float& to, float gradient) {
  if constexpr (Adds)
    to += gradient;
  else
    to = gradient;
}

/// Runs body(i) for each of a batch's values, shared among the threads.
template <class Body>
void for_each_value(const Call& call, std::size_t sample, Body body) {
  const auto count = std::ptrdiff_t(call.batch) * std::ptrdiff_t(sample);
  for_each_part(call.threads, count, [=](std::ptrdiff_t first, std::ptrdiff_t last) {
#pragma omp simd
    for (std::ptrdiff_t i = first; i < last; ++i) body(i);
  });
}

// The loops are compiled once for all shapes, which keeps programs quick to compile.
FROSTLINE_SHARED void relu_forward(const Call& call, std::size_t sample) {
  const float* x = call.inputs[0];
  float* y = call.output;
  for_each_value(call, sample, [=](std::ptrdiff_t i) { y[i] = x[i] > 0 ? x[i] : 0.0f; });
}
template <bool Adds>
FROSTLINE_SHARED void relu_input_gradient(const Call& call, std::size_t sample) {
  const float *y = call.output, *dy = call.output_gradient;
  float* dx = call.input_gradients[0];
  for_each_value(call, sample,
                 [=](std::ptrdiff_t i) { put<Adds>(dx[i], y[i] > 0 ? dy[i] : 0.0f); });
}
FROSTLINE_SHARED void add_forward(const Call& call, std::size_t sample) {
  const float *a = call.inputs[0], *b = call.inputs[1];
  float* y = call.output;
  for_each_value(call, sample, [=](std::ptrdiff_t i) { y[i] = a[i] + b[i]; });
}
FROSTLINE_SHARED void copy(const Call& call, std::size_t sample, const float* from, float* to) {
  for_each_value(call, sample, [=](std::ptrdiff_t i) { to[i] = from[i]; });
}
FROSTLINE_SHARED void add_to(const Call& call, std::size_t sample, const float* from, float* to) {
  for_each_value(call, sample, [=](std::ptrdiff_t i) { to[i] += from[i]; });
}
/// Hands the output's gradient on to an input unchanged.
inline void pass_gradient(const Call& call, std::size_t sample, int input, bool adds) {
  float* to = call.input_gradients[input];
  adds ? add_to(call, sample, call.output_gradient, to)
       : copy(call, sample, call.output_gradient, to);
}

template <>
struct Kernel<cpu, ReLU> {
  template <class At>
  static void forward(const Call& call) {
    relu_forward(call, At::out.size());
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    relu_input_gradient<At::adds(0)>(call, At::out.size());
  }
};

template <>
struct Kernel<cpu, Add> {
  template <class At>
  static void forward(const Call& call) {
    add_forward(call, At::out.size());
  }
  /// Assigns each wanted input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    if constexpr (At::owes(0)) pass_gradient(call, At::out.size(), 0, At::adds(0));
    if constexpr (At::owes(1)) pass_gradient(call, At::out.size(), 1, At::adds(1));
  }
};

template <>
struct Kernel<cpu, Flatten> {
  template <class At>
  static void forward(const Call& call) {
    copy(call, At::out.size(), call.inputs[0], call.output);
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    pass_gradient(call, At::out.size(), 0, At::adds(0));
  }
};

template <Probability Drop>
struct Kernel<cpu, Dropout<Drop>> {
  static constexpr float scale = 1 / (1 - Drop.value);

  // The same values whatever the number of threads: a hash of the step, the node and the place.
  static bool kept(std::uint64_t random, std::size_t place) {
    std::uint64_t x = random ^ (place * 0x9e3779b97f4a7c15u);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return float((x ^ (x >> 31)) >> 40) * 0x1p-24f >= Drop.value;
  }
  // One task a byte of the mask.
  template <class At, class Body>
  static void for_each_byte(const Call& call, Body body) {
    constexpr int size = int(At::out.size()), bytes = (size + 7) / 8;
    for_each_task(call.threads, call.batch * bytes, [&](int task) {
      const int n = task / bytes, byte = task % bytes;
      body(n, byte, std::size_t(n) * std::size_t(size) + std::size_t(byte) * 8,
           std::min(8, size - byte * 8));
    });
  }

  template <class At>
  static void forward(const Call& call) {
    const bool drops = At::batch_statistics && call.training;
    for_each_byte<At>(call, [&](int n, int byte, std::size_t at, int count) {
      unsigned mask = 0;
      for (int b = 0; b < count; ++b) {
        const bool keep = !drops || kept(call.random, at + std::size_t(b));
        mask |= unsigned(keep) << b;
        const float x = call.inputs[0][at + std::size_t(b)];
        call.output[at + std::size_t(b)] = drops ? (keep ? x * scale : 0.0f) : x;
      }
      if constexpr (At::keeps && At::batch_statistics)
        call.saved[std::size_t(n) * call.saved_stride + std::size_t(byte)] = std::byte(mask);
    });
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    for_each_byte<At>(call, [&](int n, int byte, std::size_t at, int count) {
      unsigned mask = 0xff;
      if constexpr (At::batch_statistics)
        mask = unsigned(call.saved[std::size_t(n) * call.saved_stride + std::size_t(byte)]);
      const float factor = At::batch_statistics ? scale : 1.0f;
      for (int b = 0; b < count; ++b)
        put<At::adds(0)>(call.input_gradients[0][at + std::size_t(b)],
                         mask >> b & 1 ? call.output_gradient[at + std::size_t(b)] * factor : 0.0f);
    });
  }
};

}  // namespace frostline
