// SPDX-License-Identifier: MIT
// CopyChannels: the layer that puts a branch's channels into the value of a Concat.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// Copies a branch of a Concat to its channels of the joined value, which begin at
/// `Call::first_channel`. A Concat has one for each branch; together they write one value. Where a
/// branch shares a block of channels with an earlier one, that one's channels stay. The second
/// input is the value of the earlier branches, so that passes see the order; it has no gradient of
/// its own. A backward assigns the first input's gradient, the output's of these channels, or adds
/// to it. Shapes: {C, H, W} and {all channels, H, W} to {all channels, H, W}.
/// Source: https://pytorch.org/docs/stable/generated/torch.cat.html
struct CopyChannels : Layer {
  static constexpr detail::Kind kind = detail::Kind::concat;
  static constexpr Shape output(Shape in) { return in; }  // trace gives it all channels
};

}  // namespace frostline
