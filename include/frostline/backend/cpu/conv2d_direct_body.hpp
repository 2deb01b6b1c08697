// SPDX-License-Identifier: MIT
// The bodies of backend/cpu/conv2d_direct.hpp.
#pragma once

#include "frostline/backend/cpu/conv2d_direct.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

FROSTLINE_COMPILED_ONCE void direct_forward(const Team& team, const DirectConvolution& conv,
                                            const TapTiles& tiles, int batch, const float* in,
                                            const float* packed, const Epilogue& epilogue,
                                            float* out) {
  zero_borders(team, conv.out, out, batch);
  tap_sum(team, conv.forward(), tiles, batch, in, packed, epilogue, out);
}

FROSTLINE_COMPILED_ONCE void direct_pack_backward(const Team& team, const DirectConvolution& conv,
                                                  const WeightView& weights, float* packed) {
  for (int y = 0; y < conv.stride; ++y)
    for (int x = 0; x < conv.stride; ++x) {
      const TapSum sum = conv.backward(y, x);
      pack_taps(team, sum, lanes, weights, packed);
      packed += sum.packed_floats(lanes);
    }
}

FROSTLINE_COMPILED_ONCE void direct_input_gradient(const Team& team, const DirectConvolution& conv,
                                                   const TapTiles* tiles, int batch,
                                                   const float* out_gradient, const float* packed,
                                                   bool adds, float* in_gradient) {
  if (!adds) zero_borders(team, conv.in, in_gradient, batch);
  for (int y = 0; y < conv.stride; ++y)
    for (int x = 0; x < conv.stride; ++x) {
      const TapSum sum = conv.backward(y, x);
      if (sum.height > 0 && sum.width > 0 && (sum.tap_count > 0 || !adds))
        tap_sum(team, sum, tiles[x], batch, out_gradient, packed,
                {.added = adds ? in_gradient : nullptr}, in_gradient);
      packed += sum.packed_floats(lanes);
    }
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
