// SPDX-License-Identifier: MIT
// The bodies of backend/cpu/conv2d_planes.hpp.
#pragma once

#include "frostline/backend/cpu/conv2d_planes.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

FROSTLINE_COMPILED_ONCE void planes_forward(const Team& team, const PlaneConvolution& conv,
                                            const TapTiles& tiles, int batch, const float* in,
                                            const float* packed, const Epilogue& epilogue,
                                            float* scratch, float* out) {
  zero_borders(team, conv.out, out, batch);
  const TapSum sum = conv.forward();
  const int bands = divide_up(sum.height, conv.band);
  for_each_task(team, std::ptrdiff_t(batch) * bands, [&](int task) {
    const int n = task / bands, first = task % bands * conv.band;
    conv.fill_band(in + std::ptrdiff_t(n) * std::ptrdiff_t(conv.in.size()), first, scratch);
    for (int y = first; y < std::min(first + conv.band, sum.height); ++y)
      for (int pair = 0; pair < sum.pairs(); ++pair)
        tap_row(sum, tiles, scratch + std::ptrdiff_t(y - first) * conv.stride * conv.columns(),
                packed, epilogue, pair, n * conv.out.sample() + conv.out.at(2 * pair, y, 0), out);
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
