// SPDX-License-Identifier: MIT
// The CPU backend's loss of some logits.
#pragma once

#include <span>

#include "frostline/backend/cpu/cross_entropy.hpp"
#include "support/internals.hpp"

namespace frostline::test {

/// The mean loss; assigns the gradient.
inline float cpu_loss(const CrossEntropy& loss, Shape shape, std::span<const float> logits,
                      std::span<const int> labels, std::span<float> gradient) {
  using CpuLoss = Kernel<cpu, CrossEntropy>;
  const HostMemory workspace(CpuLoss::workspace_bytes(shape, int(logits.size() / shape.size())));
  const LossCall<cpu> call{.threads = 2,
                           .shape = shape,
                           .logits = logits,
                           .labels = labels,
                           .gradient = gradient,
                           .workspace = workspace.data()};
  CpuLoss::prepare(loss, call);
  CpuLoss::compute(loss, call);
  return CpuLoss::mean(call);
}

}  // namespace frostline::test
