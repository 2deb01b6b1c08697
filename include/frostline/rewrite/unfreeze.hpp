// SPDX-License-Identifier: MIT
// Unfreeze: a model in which the named parts train.
#pragma once

#include "frostline/core/fixed_string.hpp"
#include "frostline/core/rule.hpp"

namespace frostline {

/// The model in which the named parts train: layers, with all layers inside them, or parameters:
/// `Unfreeze<Model, "layer4", "fc">`, `Unfreeze<Model, "layer4.1.bn2.bias">`. The outermost rule
/// wins. A name that fits nothing is a compile error that lists similar names.
/// Named layers also use batch statistics, as in PyTorch's `train()` mode. A named parameter only
/// trains, as after PyTorch's `requires_grad_()`: its layer uses the same statistics as before, so
/// under `Freeze<Model>` running ones, and under `Freeze<Model, BatchStatistics>` the batch's.
template <class Model, detail::FixedString... Names>
struct Unfreeze {
  static_assert(sizeof...(Names) > 0, "frostline: Unfreeze requires names of layers or parameters");
  using model = Model;
  static constexpr detail::Clause clauses[]{
      {.name = Names, .treatment = {.trains = true, .statistics = Statistics::batch}}...};
};

}  // namespace frostline
