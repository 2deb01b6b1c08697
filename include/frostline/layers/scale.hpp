// SPDX-License-Identifier: MIT
// Scale: the layer that multiplies the channels of a Scaled by their gates.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// x * gate: each channel times its own number. Shapes: {C, H, W} and {C, 1, 1} to {C, H, W}.
struct Scale : Layer {
  static constexpr int inputs = 2;
  static constexpr Shape second_input(Shape in) { return {in.channels, 1, 1}; }
  static constexpr Shape output(Shape in) { return in; }
  /// Each input's gradient reads the other input.
  static constexpr Reads input_gradient_reads(Statistics) { return {.input = true}; }
};

}  // namespace frostline
