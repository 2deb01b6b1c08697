// SPDX-License-Identifier: MIT
// What torchvision's mobile networks share: a convolution with its norm and activation, and widths.
#pragma once

#include <algorithm>

#include "frostline/core/model.hpp"
#include "frostline/layers/batch_norm2d.hpp"
#include "frostline/layers/conv2d.hpp"

namespace frostline::detail {

/// The channels times the percentage, rounded to the nearest multiple of 8 (at least 8), or to the
/// next higher one if that would lose more than a tenth: torchvision's `_make_divisible`.
constexpr int rounded_width(int channels, int percent) {
  const int hundredths = channels * percent;
  const int rounded = std::max(8, (hundredths + 400) / 800 * 8);
  const bool loses_a_tenth = rounded * 1000 < hundredths * 9;
  return loses_a_tenth ? rounded + 8 : rounded;
}

/// A convolution without bias whose padding keeps the size at stride 1, a batch norm, and the
/// activation (Identity: none). Shapes: {In, H, W} to {Out, ceil(H / Stride), ceil(W / Stride)}.
/// Source: torchvision/ops/misc.py, Conv2dNormActivation
template <int In, int Out, int Kernel, int Stride, int Groups, class Activation,
          NormConstants Constants = NormConstants{}>
using ConvNormActivation = Sequential<Conv2d<In, Out, Kernel, Stride, Kernel / 2, 1, Groups, false>,
                                      BatchNorm2d<Out, Constants>, Activation>;

}  // namespace frostline::detail
