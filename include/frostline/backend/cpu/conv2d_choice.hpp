// SPDX-License-Identifier: MIT
// Which algorithm a convolution gets on the CPU, by its place and the user's tuning.
#pragma once

#include <cstddef>
#include <string_view>

#include "frostline/backend/cpu/blocked.hpp"
#include "frostline/core/choice.hpp"
#include "frostline/layers/conv2d.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// Whether algorithms other than im2col may fit.
constexpr bool is_ordinary(const ConvolutionSizes& sizes, const Situation& place) {
  return sizes.groups == 1 && sizes.dilation == 1 && sizes.stride <= 2 &&
         place.tuning.convolutions != Convolutions::im2col;
}

/// Whether the blocked values around a convolution that keeps its input's size, or halves it, have
/// the borders that windows of more than one pixel read.
constexpr bool has_borders(const ConvolutionSizes& sizes, Shape in) {
  const Shape out{sizes.out, divide_up(in.height, sizes.stride), divide_up(in.width, sizes.stride)};
  return BlockedMap{in}.has_border() && BlockedMap{out}.has_border();
}

/// Whether a place's convolution may be a transformed one, if the user has not chosen one.
constexpr bool transforms(const Situation& place) {
  return place.tuning.convolutions != Convolutions::direct &&
         place.tuning.accuracy != Accuracy::direct &&
         !(place.frozen && place.tuning.weights == FrozenWeights::memory);
}

/// The best number of outputs along a tile's side for a 3x3 convolution of stride 1, or 0: direct.
/// Measured with ResNet-18's shapes (benchmarks/kernels). F(7x7) takes a quarter fewer products
/// than F(4x4) where it fits, but its error is 1e-5 per layer.
constexpr int winograd_tile(const Situation& place) {
  switch (place.tuning.convolutions) {
    case Convolutions::automatic: break;
    case Convolutions::f2: return 2;
    case Convolutions::f4: return 4;
    case Convolutions::f5: return 5;
    case Convolutions::f7: return 7;
    default: return 0;
  }
  if (!transforms(place)) return 0;
  if (place.in.height < 3 || place.in.width < 3) return 0;
  // A single tile gains nothing, since it reads so many weights.
  const bool fastest = place.frozen && place.tuning.accuracy == Accuracy::fastest;
  const auto fits = [](int size) { return size % 7 == 0 && size > 7; };
  return fastest && fits(place.in.height) && fits(place.in.width) ? 7 : 4;
}

/// The same for stride 2, with StridedToomCook's transforms.
constexpr int strided_winograd_tile(const Situation& place) {
  const Convolutions wanted = place.tuning.convolutions;
  if (wanted == Convolutions::f2) return 2;
  if (wanted == Convolutions::f4) return 4;
  // Tiles of smaller maps are mostly empty.
  const bool wide = place.in.height >= 5 && place.in.width >= 5;
  return wanted == Convolutions::automatic && transforms(place) && wide ? 4 : 0;
}

/// For one or two images, reading more weights than this costs more time than the arithmetic. Then
/// F(2x2) is used, whose weights are less than half of F(4x4)'s. Units: floats.
inline constexpr std::ptrdiff_t many_weights = 4 << 20;
constexpr bool has_many_weights(const ConvolutionSizes& sizes, int tile) {
  return tile > 2 && std::ptrdiff_t(sizes.in) * sizes.out * (tile + 2) * (tile + 2) > many_weights;
}

/// An algorithm's name in a summary.
constexpr std::string_view winograd_name(int tile, bool many) {
  switch (tile) {
    case 2: return "Winograd F(2x2)";
    case 4: return many ? "Winograd F(4x4); F(2x2) if max_batch <= 2" : "Winograd F(4x4)";
    case 5: return many ? "Winograd F(5x5); F(2x2) if max_batch <= 2" : "Winograd F(5x5)";
    default: return many ? "Winograd F(7x7); F(2x2) if max_batch <= 2" : "Winograd F(7x7)";
  }
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
