// SPDX-License-Identifier: MIT
// Head: the part of a model that ReplaceHead replaces.
#pragma once

namespace frostline {

/// Marks a model's head, as one of the layers of the model's Module.
template <class HeadLayer>
struct Head {
  using model = HeadLayer;
};

}  // namespace frostline
