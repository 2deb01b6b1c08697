// SPDX-License-Identifier: MIT
// Sgd on the CPU: one loop over all that trains.
#pragma once

#include <cmath>
#include <span>

#include "frostline/backend/cpu/memory.hpp"
#include "frostline/backend/cpu/parallel.hpp"
#include "frostline/train/sgd.hpp"

namespace frostline {

template <>
struct Kernel<cpu, Sgd> {
  static constexpr std::size_t workspace_bytes = 0;
  static void prepare(const Sgd&, const UpdateCall&) {}
  /// Moves the parameters and their momentum.
  static void update(const Sgd& sgd, const UpdateCall& call) {
    if (!std::isfinite(float(*call.loss))) return;
    float* p = call.parameters.data();
    const float* g = call.gradients.data();
    float* b = call.momentum.empty() ? nullptr : call.momentum.data();
    const float own = sgd.nesterov || !b ? 1.0f : 0.0f;
    const float ahead = sgd.nesterov ? sgd.momentum : 1.0f;
    run_team(call.threads, [=](const Team& team) {
      for_each_part(team, std::ptrdiff_t(call.parameters.size()),
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
