// SPDX-License-Identifier: MIT
// Scale: the layer that multiplies the channels of a Scaled by their gates.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// x * gate: each channel is multiplied by its own number. A backward assigns each input's gradient
/// or adds to it; the gate's is the sum over pixels of x times the output's gradient.
/// Shapes: {C, H, W} and {C, 1, 1} to {C, H, W}.
/// Source: Hu et al. 2018, https://arxiv.org/abs/1709.01507
struct Scale : Layer {
  static constexpr int inputs = 2;
  static constexpr Shape second_input(Shape in) { return {in.channels, 1, 1}; }
  static constexpr Shape output(Shape in) { return in; }
  /// Each input's gradient reads the other input.
  static constexpr Reads input_gradient_reads(Statistics) { return {.input = true}; }
};

}  // namespace frostline
