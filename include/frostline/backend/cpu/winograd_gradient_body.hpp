// SPDX-License-Identifier: MIT
// The bodies of backend/cpu/winograd_gradient.hpp.
#pragma once

#include "frostline/backend/cpu/winograd_gradient.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

FROSTLINE_COMPILED_ONCE void winograd_outer_products(const Team& team,
                                                     const WinogradGradientShape& shape,
                                                     const TileBlock& tiles, const float* values,
                                                     int most_tiles, bool adds, float* sums) {
  const WinogradShape& forward = shape.forward;
  const int inputs = forward.in.blocks();
  const std::ptrdiff_t channel = std::ptrdiff_t(most_tiles) * lanes;
  for_each_task(team, std::ptrdiff_t(forward.products()) * inputs, [&](int task) {
    const int product = task / inputs, input = task % inputs;
    const bool high = forward.last_alone(product / forward.points());
    const bool wide = forward.last_alone(product % forward.points());
    const int begin = wide ? tiles.wide_begin : 0;
    const int end = high ? tiles.high_end : wide ? tiles.wide_end : tiles.count;
    const float* v = values + product * shape.values(most_tiles) + begin * lanes;
    float* to = sums + product * shape.product() + input * forward.pairs() * shape.panel;
    for (int pair = 0; pair < forward.pairs(); ++pair, to += shape.panel)
      add_outer_products(std::max(0, end - begin), v + input * channel,
                         v + (inputs + 2 * pair) * channel, channel, adds, to);
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
