// SPDX-License-Identifier: MIT
// CopyChannels: the layer that puts a branch's channels into the value of a Concat.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// Copies a branch of a Concat to its channels of the joined value, which begin at
/// `Call::first_channel`. A Concat has one for each branch; together they write one value, and what
/// a later one shares a block of channels with, it leaves as it is. It reads that value too, as its
/// second input, so that passes see the order; the gradient of that input is the output's own.
/// Shapes: {C, H, W}, and of the second input {all channels, H, W}, to that.
struct CopyChannels : Layer {
  static constexpr Kind kind = Kind::concat;
  static constexpr Shape output(Shape in) { return in; }  // trace gives it all channels
};

}  // namespace frostline
