// SPDX-License-Identifier: MIT
// ReLU, Add, Flatten and Dropout on the CPU.
#pragma once

#include "frostline/backend/cpu/memory.hpp"
#include "frostline/layers/dropout.hpp"
#include "frostline/layers/flatten.hpp"
#include "frostline/layers/relu.hpp"
#include "frostline/layers/residual.hpp"

namespace frostline {

/// Runs body(i) for each of the batch's values, shared among the threads.
template <class Body>
void for_each_value(const Call& call, Shape shape, Body body) {
  const auto count = std::ptrdiff_t(call.batch) * std::ptrdiff_t(shape.size());
#pragma omp parallel for simd num_threads(call.threads) schedule(static)
  for (std::ptrdiff_t i = 0; i < count; ++i) body(i);
}

/// Assigns or adds a gradient.
template <bool Adds>
void put(float& to, float gradient) {
  if constexpr (Adds)
    to += gradient;
  else
    to = gradient;
}

template <>
struct Kernel<cpu, ReLU> {
  template <class At>
  static void forward(const Call& call) {
    const float* x = call.inputs[0];
    float* y = call.output;
    for_each_value(call, At::out, [=](std::ptrdiff_t i) { y[i] = x[i] > 0 ? x[i] : 0.0f; });
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    const float *y = call.output, *dy = call.output_gradient;
    float* dx = call.input_gradients[0];
    for_each_value(call, At::out,
                   [=](std::ptrdiff_t i) { put<At::adds(0)>(dx[i], y[i] > 0 ? dy[i] : 0.0f); });
  }
};

template <>
struct Kernel<cpu, Add> {
  template <class At>
  static void forward(const Call& call) {
    const float *a = call.inputs[0], *b = call.inputs[1];
    float* y = call.output;
    for_each_value(call, At::out, [=](std::ptrdiff_t i) { y[i] = a[i] + b[i]; });
  }
  /// Assigns each wanted input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    const float* dy = call.output_gradient;
    float *da = call.input_gradients[0], *db = call.input_gradients[1];
    for_each_value(call, At::out, [=](std::ptrdiff_t i) {
      if constexpr (At::owes(0)) put<At::adds(0)>(da[i], dy[i]);
      if constexpr (At::owes(1)) put<At::adds(1)>(db[i], dy[i]);
    });
  }
};

template <>
struct Kernel<cpu, Flatten> {
  template <class At>
  static void forward(const Call& call) {
    const float* x = call.inputs[0];
    float* y = call.output;
    for_each_value(call, At::out, [=](std::ptrdiff_t i) { y[i] = x[i]; });
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    const float* dy = call.output_gradient;
    float* dx = call.input_gradients[0];
    for_each_value(call, At::out, [=](std::ptrdiff_t i) { put<At::adds(0)>(dx[i], dy[i]); });
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
#pragma omp parallel for num_threads(call.threads) schedule(static)
    for (int task = 0; task < call.batch * bytes; ++task) {
      const int n = task / bytes, byte = task % bytes;
      body(n, byte, std::size_t(n) * std::size_t(size) + std::size_t(byte) * 8,
           std::min(8, size - byte * 8));
    }
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
