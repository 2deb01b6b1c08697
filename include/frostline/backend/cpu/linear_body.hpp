// SPDX-License-Identifier: MIT
// The bodies of backend/cpu/linear.hpp.
#pragma once

#include "frostline/backend/cpu/linear.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

FROSTLINE_COMPILED_ONCE void linear_forward(const Call& call, int in, int out) {
  constexpr int outputs = 4;
  for_each_part(call.team, out, [&](std::ptrdiff_t first, std::ptrdiff_t last) {
    int k = int(first);
    for (; k + outputs <= last; k += outputs) dot_rows<outputs>(call, in, out, k);
    for (; k < last; ++k) dot_rows<1>(call, in, out, k);
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
