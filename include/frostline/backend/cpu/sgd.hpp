// SPDX-License-Identifier: MIT
// Sgd on the CPU: one loop over all that trains.
#pragma once

#include <span>

#include "frostline/backend/cpu/memory.hpp"
#include "frostline/train/sgd.hpp"

namespace frostline {

template <>
struct Kernel<cpu, Sgd> {
  /// Moves the parameters and their momentum. Shapes: all spans alike; momentum may be empty.
  static void update(const Sgd& sgd, std::span<float> parameters, std::span<const float> gradients,
                     std::span<float> momentum, int threads) {
    const auto count = std::ptrdiff_t(parameters.size());
    float* p = parameters.data();
    const float* g = gradients.data();
    float* b = momentum.data();
    if (momentum.empty()) {
#pragma omp parallel for simd num_threads(threads) schedule(static)
      for (std::ptrdiff_t i = 0; i < count; ++i)
        p[i] -= sgd.learning_rate * (g[i] + sgd.weight_decay * p[i]);
      return;
    }
    const float own = sgd.nesterov ? 1.0f : 0.0f;
    const float ahead = sgd.nesterov ? sgd.momentum : 1.0f;
#pragma omp parallel for simd num_threads(threads) schedule(static)
    for (std::ptrdiff_t i = 0; i < count; ++i) {
      const float gradient = g[i] + sgd.weight_decay * p[i];
      b[i] = sgd.momentum * b[i] + gradient;
      p[i] -= sgd.learning_rate * (own * gradient + ahead * b[i]);
    }
  }
};

}  // namespace frostline
