// SPDX-License-Identifier: MIT
// Sgd with Thrust: one pass over all that trains.
#pragma once

#include "frostline/backend/thrust/memory.hpp"
#include "frostline/train/sgd.hpp"

namespace frostline::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

struct SgdStep {
  float learning_rate, momentum, weight_decay;
  float own, ahead;  // what of the gradient and of the momentum makes the step
  float* p;
  const float* g;
  float* b;  // null: no momentum
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const float gradient = g[i] + weight_decay * p[i];
    float step = own * gradient;
    if (b) {
      b[i] = momentum * b[i] + gradient;
      step += ahead * b[i];
    }
    p[i] -= learning_rate * step;
  }
};

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::device

namespace frostline {

template <>
struct Kernel<thrust_backend, Sgd> {
  /// Moves the parameters and their momentum.
  static void update(const Sgd& sgd, const UpdateCall& call) {
    float* momentum = call.momentum.empty() ? nullptr : call.momentum.data();
    device::for_each_index(
        call.context, std::ptrdiff_t(call.parameters.size()),
        device::SgdStep{sgd.learning_rate, sgd.momentum, sgd.weight_decay,
                        sgd.nesterov || !momentum ? 1.0f : 0.0f, sgd.nesterov ? sgd.momentum : 1.0f,
                        call.parameters.data(), call.gradients.data(), momentum});
  }
};

}  // namespace frostline
