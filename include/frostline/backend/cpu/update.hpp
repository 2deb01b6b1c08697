// SPDX-License-Identifier: MIT
// Optimizers on the CPU: a loop over all trainable parameters, with vectors if the optimizer can.
#pragma once

#include <cmath>
#include <concepts>
#include <span>

#include "frostline/backend/cpu/memory.hpp"
#include "frostline/backend/cpu/parallel.hpp"
#include "frostline/backend/cpu/simd.hpp"
#include "frostline/optimizers/optimizer.hpp"

namespace frostline::detail {

/// A native vector as a template argument: Vector without attributes, which templates drop.
typedef float PlainVector __attribute__((vector_size(4 * FROSTLINE_LANES)));

}  // namespace frostline::detail

namespace frostline {

template <>
struct Functions<detail::PlainVector> {
  FROSTLINE_INLINE static detail::PlainVector square_root(detail::PlainVector x) {
    return frostline::detail::square_root(x);
  }
};

template <>
struct UpdateKernel<cpu> {
  template <class Optimizer>
  static constexpr std::size_t workspace_bytes = 0;
  template <class Optimizer>
  static void prepare(const Optimizer&, std::int64_t, const UpdateCall<cpu>&) {}

  /// Updates the parameters and their states.
  template <class Optimizer>
  static void update(const Optimizer& optimizer, std::int64_t step, const UpdateCall<cpu>& call) {
    constexpr std::size_t states = Optimizer::states.size();
    if (call.guard && !std::isfinite(float(*call.guard))) return;
    const auto function = detail::function_at(optimizer, step);
    const Numbers numbers{call.parameters.data(), call.gradients.data(), call.states.data(),
                          call.parameters.size(), detail::uses_states(optimizer)};
    for_each_vector(call.threads, numbers.count, [=](auto start, std::size_t i) {
      using Number = decltype(start);
      if constexpr (std::same_as<Number, float> ||
                    (in_vectors && std::invocable<decltype(function), Element<Number, states>&>)) {
        update_one<Number, states>(function, numbers, i);
      } else {
#pragma omp simd
        for (std::size_t k = i; k < i + std::size_t(detail::lanes); ++k)
          update_one<float, states>(function, numbers, k);
      }
    });
  }
  /// Multiplies gradients.
  static void scale(const void*, int threads, std::span<float> gradients, float factor) {
    float* const g = gradients.data();
    for_each_vector(threads, gradients.size(), [=](auto start, std::size_t i) {
      put(g + i, get<decltype(start)>(g + i) * factor);
    });
  }

 private:
  // nvcc also compiles an optimizer for the device, which has no vectors; there g++ vectorises.
#ifdef __CUDACC__
  static constexpr bool in_vectors = false;
#else
  static constexpr bool in_vectors = true;
#endif
  struct Numbers {
    float* parameters;
    const float* gradients;
    float* states;  // `count` for each
    std::size_t count;
    bool with_states;
  };
  template <class Number>
  FROSTLINE_INLINE static Number get(const float* from) {
    if constexpr (std::same_as<Number, float>)
      return *from;
    else
      return detail::load_unaligned(from);
  }
  FROSTLINE_INLINE static void put(float* to, float x) { *to = x; }
  FROSTLINE_INLINE static void put(float* to, detail::PlainVector x) {
    detail::store_unaligned(to, x);
  }

  template <class Number, std::size_t States, class Function>
  FROSTLINE_INLINE static void update_one(const Function& function, const Numbers& n,
                                          std::size_t i) {
    Element<Number, States> x{get<Number>(n.parameters + i), get<Number>(n.gradients + i), {}};
    for (std::size_t k = 0; n.with_states && k < States; ++k)
      x.states[k] = get<Number>(n.states + k * n.count + i);
    function(x);
    put(n.parameters + i, x.parameter);
    for (std::size_t k = 0; n.with_states && k < States; ++k)
      put(n.states + k * n.count + i, x.states[k]);
  }
  /// Calls body(vector, first) for each whole vector of floats, divided among the threads, then
  /// body(float, i) for the rest, which does not depend on the number of threads. Each thread has a
  /// copy of the body, so that its members stay in registers while floats are stored.
  template <class Body>
  static void for_each_vector(int threads, std::size_t count, Body shared) {
    const auto vectors = std::ptrdiff_t(count / std::size_t(detail::lanes));
    detail::run_team(threads, [&](const Team& team) {
      const Body body = shared;
      for (std::ptrdiff_t v = team.first(vectors), end = team.last(vectors); v < end; ++v)
        body(detail::PlainVector{}, std::size_t(v * detail::lanes));
      if (team.thread == 0)
        for (std::size_t i = std::size_t(vectors * detail::lanes); i < count; ++i) body(0.0f, i);
    });
  }
};

}  // namespace frostline
