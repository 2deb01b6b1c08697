// SPDX-License-Identifier: MIT
// Reorder: a value in another layout. Graph passes insert it; models do not need it.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// The same numbers in another order. Shapes: {C, H, W} to the same.
struct Reorder : Layer {
  static constexpr detail::Kind kind = detail::Kind::reorder;
  static constexpr Shape output(Shape in) { return in; }
};

}  // namespace frostline
