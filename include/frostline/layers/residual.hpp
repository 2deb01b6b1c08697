// SPDX-License-Identifier: MIT
// Residual: the sum of two branches; Add: the layer that sums them.
#pragma once

#include "frostline/core/layer.hpp"
#include "frostline/layers/identity.hpp"

namespace frostline {

/// Main(x) + Shortcut(x). Main adds nothing to the path; a shortcut without a name is "shortcut".
template <class Main, class Shortcut = Identity>
struct Residual {};

/// The join of two branches of one shape.
struct Add : Layer {
  static constexpr Kind kind = Kind::add;
  static constexpr Shape output(Shape in) { return in; }
};

}  // namespace frostline
