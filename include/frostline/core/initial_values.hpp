// SPDX-License-Identifier: MIT
// fill_initial: the values that a parameter or buffer starts with.
#pragma once

#include <cmath>
#include <cstring>
#include <random>

#include "frostline/core/layer.hpp"

namespace frostline::detail {

/// Assigns a tensor's initial values, which depend on `state`. Shapes: data has spec.size()
/// elements.
inline void fill_initial(const TensorSpec& spec, float* data, std::uint64_t state) {
  if (spec.type != ElementType::f32) {
    std::memset(data, 0, spec.size() * size_of(spec.type));
    return;
  }
  std::mt19937_64 random{state};
  const auto unit = [&] { return (double(random() >> 11) + 0.5) * 0x1p-53; };  // in (0, 1)
  const double deviation = std::sqrt(double(spec.initial.value));
  for (std::size_t j = 0; j < spec.size(); ++j) {
    if (spec.initial.distribution == Initial::constant)
      data[j] = spec.initial.value;
    else if (spec.initial.distribution == Initial::uniform)
      data[j] = float((2 * unit() - 1) * std::sqrt(3.0) * deviation);
    else  // Box and Muller 1958
      data[j] = float(std::sqrt(-2 * std::log(unit())) * std::cos(6.283185307179586 * unit()) *
                      deviation);
  }
}

}  // namespace frostline::detail
