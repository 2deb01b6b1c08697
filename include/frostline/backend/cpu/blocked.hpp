// SPDX-License-Identifier: MIT
// BlockedMap: the offsets of a sample's numbers in the blocked layout.
#pragma once

#include "frostline/backend/cpu/simd.hpp"
#include "frostline/core/shape.hpp"
#include "frostline/core/team.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

constexpr int divide_up(int a, int b) { return (a + b - 1) / b; }

/// Channels in blocks of `lanes`. Each block is an image whose pixels are `lanes` floats, with a
/// border of one pixel above and on the left, and of one to four below and on the right (so that
/// tiles of four fit). The border, and channels after the last, are zero: a kernel that writes a
/// value also writes these zeros (zero_border). A row of pixels, such as a sequence of tokens, has
/// no border, which would be five times as large as itself. Depends only on the shape.
struct BlockedMap {
  Shape shape;

  constexpr bool has_border() const { return shape.height > 1 || shape.width == 1; }
  constexpr int blocks() const { return divide_up(shape.channels, lanes); }
  constexpr int rows() const { return has_border() ? divide_up(shape.height, 4) * 4 + 2 : 1; }
  constexpr int columns() const {
    return has_border() ? divide_up(shape.width, 4) * 4 + 2 : shape.width;
  }
  /// Distances from one pixel, row, block or sample to the next. Units: floats.
  static constexpr std::ptrdiff_t pixel = lanes;
  constexpr std::ptrdiff_t row() const { return std::ptrdiff_t(columns()) * lanes; }
  constexpr std::ptrdiff_t block() const { return row() * rows(); }
  constexpr std::ptrdiff_t sample() const { return block() * blocks(); }
  /// The offset of a block's first channel at a pixel; the border begins at -1.
  constexpr std::ptrdiff_t at(int b, int y, int x) const {
    const int border = has_border() ? 1 : 0;
    return b * block() + (y + border) * row() + (x + border) * pixel;
  }
};

/// Writes the border's zeros of one block of one sample.
FROSTLINE_INLINE void zero_border(const BlockedMap& map, float* block) {
  if (!map.has_border()) return;
  const auto zero = [&](std::ptrdiff_t from, std::ptrdiff_t to) {
    for (std::ptrdiff_t i = from; i < to; i += lanes) store(block + i, Vector{});
  };
  const std::ptrdiff_t right = (map.shape.width + 1) * map.pixel;
  zero(0, map.row() + lanes);  // the first row and the left border of the second
  for (int y = 1; y <= map.shape.height; ++y)
    zero(y * map.row() + right, (y + 1) * map.row() + lanes);
  zero((map.shape.height + 1) * map.row() + lanes, map.block());
}
/// to = (or +=, if Adds) from * factors, a factor for each channel of one block of one sample. The
/// border is not multiplied, since a factor need not be finite: it becomes zero, if assigned.
template <bool Adds>
FROSTLINE_INLINE void multiply_block(const BlockedMap& map, Vector factors, const float* from,
                                     float* to) {
  if constexpr (!Adds) zero_border(map, to);
  for (int row = 0; row < map.shape.height; ++row)
    for (int column = 0; column < map.shape.width; ++column) {
      const std::ptrdiff_t at = map.at(0, row, column);
      const Vector product = load(from + at) * factors;
      store(to + at, Adds ? load(to + at) + product : product);
    }
}
/// Writes the border's zeros of a batch, shared by the team.
inline void zero_borders(const Team& team, const BlockedMap& map, float* value, int batch) {
  for_each_task(team, std::ptrdiff_t(batch) * map.blocks(),
                [&](int i) { zero_border(map, value + i * map.block()); });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
