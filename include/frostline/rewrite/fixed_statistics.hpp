// SPDX-License-Identifier: MIT
// FixedStatistics: a model whose batch norms keep their running statistics.
#pragma once

#include "frostline/core/rule.hpp"

namespace frostline {

/// The model whose batch norms use their running statistics in training too, and keep them, as
/// after PyTorch's `module.eval()` on each of them. Which parameters train does not change. A
/// pretrained network that is trained on few pictures or small batches often needs this, above all
/// if its batch norms have a small momentum, as those of EfficientNet-Lite. A model without batch
/// norms stays as it is. Source: https://keras.io/guides/transfer_learning (fine-tuning)
template <class Model>
struct FixedStatistics {
  using model = Model;
  static constexpr detail::Clause clauses[]{
      {.part = detail::Part::norms, .treatment = {.statistics = Statistics::running}}};
};

}  // namespace frostline
