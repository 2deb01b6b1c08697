// SPDX-License-Identifier: MIT
// Sgd with Thrust: one pass over all that trains.
#pragma once

#include "frostline/backend/thrust/memory.hpp"
#include "frostline/optimizers/sgd.hpp"

namespace frostline::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// Read from the device's memory, since a recorded step keeps what it was called with.
struct SgdSettings {
  float learning_rate, momentum, weight_decay;
  bool nesterov;
};
struct SgdStep {
  const SgdSettings* settings;
  float* p;
  const float* g;
  float* b;  // null: no momentum
  const double* guard;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const float loss = guard ? float(*guard) : 0;
    if (!(loss - loss == 0)) return;  // not finite
    const SgdSettings s = *settings;
    // Terms of no weight are left out: zero times infinity is none.
    const float gradient = s.weight_decay != 0 ? g[i] + s.weight_decay * p[i] : g[i];
    float step = gradient;
    if (b && s.momentum != 0) {
      b[i] = s.momentum * b[i] + gradient;
      step = s.nesterov ? gradient + s.momentum * b[i] : b[i];
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
                                       sgd.nesterov};
    thrust_backend::copy_in(device::context_of(call.context), call.workspace, &settings,
                            sizeof settings);
  }
  /// Moves the parameters and their momentum.
  static void update(const Sgd&, const UpdateCall& call) {
    device::for_each_index(
        call.context, std::ptrdiff_t(call.parameters.size()),
        device::SgdStep{reinterpret_cast<const device::SgdSettings*>(call.workspace),
                        call.parameters.data(), call.gradients.data(),
                        call.momentum.empty() ? nullptr : call.momentum.data(), call.guard});
  }
};

}  // namespace frostline
