// SPDX-License-Identifier: MIT
// Unfreeze: a model of which the named parts train.
#pragma once

#include "frostline/core/fixed_string.hpp"
#include "frostline/core/layer.hpp"

namespace frostline {

/// The model with the named parts, and all under them, training: `Unfreeze<Model, "layer4", "fc">`.
/// The outermost rule wins. A name that covers nothing is a compile error that lists the names.
template <class Model, FixedString... Names>
struct Unfreeze {
  static_assert(sizeof...(Names) > 0, "frostline: Unfreeze requires the names of what shall train");
  using model = Model;
  static constexpr bool freezes = false;
  static constexpr Statistics statistics = Statistics::batch;
  static constexpr int names = sizeof...(Names);
  static constexpr std::string_view name_at(int i) {
    const std::string_view all[]{Names...};
    return all[i];
  }
};

}  // namespace frostline
