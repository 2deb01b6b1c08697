// SPDX-License-Identifier: MIT
// Sgd on the CPU: one loop over all that trains.
#pragma once

#include <span>

#include "frostline/backend/cpu/memory.hpp"
#include "frostline/backend/cpu/parallel.hpp"
#include "frostline/train/sgd.hpp"

namespace frostline {

template <>
struct Kernel<cpu, Sgd> {
  /// Moves the parameters and their momentum. Shapes: all spans alike; momentum may be empty.
  static void update(const Sgd& sgd, std::span<float> parameters, std::span<const float> gradients,
                     std::span<float> momentum, int threads) {
    float* p = parameters.data();
    const float* g = gradients.data();
    float* b = momentum.empty() ? nullptr : momentum.data();
    const float own = sgd.nesterov || !b ? 1.0f : 0.0f;
    const float ahead = sgd.nesterov ? sgd.momentum : 1.0f;
    run_team(threads, [=](const Team& team) {
      for_each_part(team, std::ptrdiff_t(parameters.size()),
                    [=](std::ptrdiff_t first, std::ptrdiff_t last) {
                      for (std::ptrdiff_t i = first; i < last; ++i) {
                        const float gradient = g[i] + sgd.weight_decay * p[i];
                        float step = own * gradient;
                        if (b) {
                          b[i] = sgd.momentum * b[i] + gradient;
                          step += ahead * b[i];
                        }
                        p[i] -= sgd.learning_rate * step;
                      }
                    });
    });
  }
};

}  // namespace frostline
