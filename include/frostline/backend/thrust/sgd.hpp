// SPDX-License-Identifier: MIT
// Sgd with Thrust: one pass over all that trains.
#pragma once

#include "frostline/backend/thrust/memory.hpp"
#include "frostline/train/sgd.hpp"

namespace frostline::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// Read from the device's memory, since a recorded step keeps what it was called with.
struct SgdSettings {
  float learning_rate, momentum, weight_decay;
  float own, ahead;  // what of the gradient and of the momentum makes the step
};
struct SgdStep {
  const SgdSettings* settings;
  float* p;
  const float* g;
  float* b;  // null: no momentum
  const double* loss;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const float mean = float(*loss);
    if (!(mean - mean == 0)) return;  // not finite
    const SgdSettings s = *settings;
    const float gradient = g[i] + s.weight_decay * p[i];
    float step = s.own * gradient;
    if (b) {
      b[i] = s.momentum * b[i] + gradient;
      step += s.ahead * b[i];
    }
    p[i] -= s.learning_rate * step;
  }
};

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::device

namespace frostline {

template <>
struct Kernel<thrust_backend, Sgd> {
  static constexpr std::size_t workspace_bytes = sizeof(device::SgdSettings);
  static void prepare(const Sgd& sgd, const UpdateCall& call) {
    const device::SgdSettings settings{sgd.learning_rate, sgd.momentum, sgd.weight_decay,
                                       sgd.nesterov || call.momentum.empty() ? 1.0f : 0.0f,
                                       sgd.nesterov ? sgd.momentum : 1.0f};
    thrust_backend::copy_in(device::context_of(call.context), call.workspace, &settings,
                            sizeof settings);
  }
  /// Moves the parameters and their momentum.
  static void update(const Sgd&, const UpdateCall& call) {
    device::for_each_index(
        call.context, std::ptrdiff_t(call.parameters.size()),
        device::SgdStep{reinterpret_cast<const device::SgdSettings*>(call.workspace),
                        call.parameters.data(), call.gradients.data(),
                        call.momentum.empty() ? nullptr : call.momentum.data(), call.loss});
  }
};

}  // namespace frostline
