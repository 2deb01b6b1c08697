// SPDX-License-Identifier: MIT
// The gradient of the bias of a convolution, or of a batch norm with a frozen weight.
#pragma once

#include <algorithm>

#include "frostline/backend/cpu/blocked.hpp"
#include "frostline/core/kernel.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// Assigns the sums of the output's gradient over pixels and batch, or adds them.
FROSTLINE_COMPILED_ONCE void bias_gradient(const Team& team, const BlockedMap& out, int batch,
                                           const float* out_gradient, bool adds, float* gradient) {
  for_each_task(team, out.blocks(), [&](int block) {
    double sums[lanes]{};
    for (int n = 0; n < batch; ++n)
      for (int y = 0; y < out.shape.height; ++y) {
        const float* row = out_gradient + n * out.sample() + out.at(block, y, 0);
        Vector sum{};
        for (int x = 0; x < out.shape.width; ++x) sum += load(row + x * lanes);
        for (int i = 0; i < lanes; ++i) sums[i] += double(sum[i]);
      }
    for (int i = 0; i < std::min(lanes, out.shape.channels - block * lanes); ++i) {
      float& to = gradient[block * lanes + i];
      to = float(sums[i] + (adds ? double(to) : 0.0));
    }
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
