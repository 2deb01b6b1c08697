// SPDX-License-Identifier: MIT
// Unfreeze: a model of which the named parts train.
#pragma once

#include "frostline/core/fixed_string.hpp"
#include "frostline/core/rule.hpp"

namespace frostline {

/// The model with the named parts training, each a layer with all under it or one parameter:
/// `Unfreeze<Model, "layer4", "fc">`, `Unfreeze<Model, "layer4.1.bn2.bias">`. The outermost rule
/// wins. A name that covers nothing is a compile error that lists the names.
/// A layer that is named also uses batch statistics, as in PyTorch's `train()` mode. A parameter
/// that is named trains, no more, as after PyTorch's `requires_grad_()`: its layer keeps the
/// statistics that it had, so under `Freeze<Model>` running ones, and under
/// `Freeze<Model, BatchStatistics>` the batch's.
template <class Model, FixedString... Names>
struct Unfreeze {
  static_assert(sizeof...(Names) > 0,
                "frostline: Unfreeze requires the names of what should train");
  using model = Model;
  static constexpr Clause clauses[]{
      {.name = Names, .treatment = {.trains = true, .statistics = Statistics::batch}}...};
};

}  // namespace frostline
