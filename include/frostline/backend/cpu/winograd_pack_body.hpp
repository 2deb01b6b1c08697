// SPDX-License-Identifier: MIT
// The bodies of backend/cpu/winograd_pack.hpp.
#pragma once

#include "frostline/backend/cpu/winograd_pack.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

FROSTLINE_COMPILED_ONCE void gather_weights(const WeightView& weights, int pair, int c,
                                            float* taps) {
  const int k = 2 * pair * lanes;
  if (k + 2 * lanes > weights.outputs || c >= weights.inputs) {
    for (int i = 0; i < 2 * lanes; ++i)
      for (int t = 0; t < 9; ++t) taps[t * 2 * lanes + i] = weights.at(k + i, c, t / 3, t % 3);
    return;
  }
  const float* from = weights.data + k * weights.output + c * weights.input;
  for (int i = 0; i < 2 * lanes; ++i, from += weights.output) {
    const float scale = weights.scale ? weights.scale[k + i] : 1.0f;
    for (int t = 0; t < 9; ++t)
      taps[t * 2 * lanes + i] = scale * from[t / 3 * weights.row + t % 3 * weights.column];
  }
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
