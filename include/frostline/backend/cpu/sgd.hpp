// SPDX-License-Identifier: MIT
// Sgd on the CPU: one loop over all that trains.
#pragma once

#include <cmath>
#include <span>

#include "frostline/backend/cpu/memory.hpp"
#include "frostline/backend/cpu/parallel.hpp"
#include "frostline/optimizers/sgd.hpp"

namespace frostline {

template <>
struct Kernel<cpu, Sgd> {
  static constexpr std::size_t workspace_bytes = 0;
  static void prepare(const Sgd&, const UpdateCall&) {}
  /// Moves the parameters and their momentum.
  static void update(const Sgd& sgd, const UpdateCall& call) {
    if (call.guard && !std::isfinite(float(*call.guard))) return;
    float* p = call.parameters.data();
    const float* g = call.gradients.data();
    float* b = sgd.momentum == 0 ? nullptr : call.momentum.data();
    const bool decays = sgd.weight_decay != 0;
    run_team(call.threads, [=](const Team& team) {
      for_each_part(team, std::ptrdiff_t(call.parameters.size()),
                    [=](std::ptrdiff_t first, std::ptrdiff_t last) {
                      for (std::ptrdiff_t i = first; i < last; ++i) {
                        // Terms of no weight are left out: zero times infinity is none.
                        const float gradient = decays ? g[i] + sgd.weight_decay * p[i] : g[i];
                        float step = gradient;
                        if (b) {
                          b[i] = sgd.momentum * b[i] + gradient;
                          step = sgd.nesterov ? gradient + sgd.momentum * b[i] : b[i];
                        }
                        p[i] -= sgd.learning_rate * step;
                      }
                    });
    });
  }
};

}  // namespace frostline
