// SPDX-License-Identifier: MIT
// Add: the layer that sums the branches of a Residual.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// The sum of two branches of the same shape. Shapes: {C, H, W} twice, to the same.
struct Add : Layer {
  static constexpr detail::Kind kind = detail::Kind::add;
  static constexpr int inputs = 2;
  static constexpr Shape output(Shape in) { return in; }
};

}  // namespace frostline
