// SPDX-License-Identifier: MIT
// The bodies of backend/cpu/winograd_tiles.hpp.
#pragma once

#include "frostline/backend/cpu/winograd_tiles.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

FROSTLINE_COMPILED_ONCE void list_tiles(const WinogradShape& shape, int begin, int end,
                                        TileBlock& block) {
  const TileAxis vertical = shape.vertical(), horizontal = shape.horizontal();
  const int down = vertical.count(), across = horizontal.count();
  const int whole_down = vertical.whole(), whole_across = horizontal.whole();
  block.count = 0;
  for (int kind = 0; kind < 4; ++kind) {
    if (kind == 1) block.wide_begin = block.count;
    if (kind == 2) block.high_end = block.count;
    if (kind == 3) block.wide_end = block.count;
    int column = begin % across - 1, row = begin / across % down, n = begin / across / down;
    for (int t = begin; t < end; ++t) {
      if (++column == across) column = 0, ++row;
      if (row == down) row = 0, ++n;
      const bool high = row < whole_down, wide = column < whole_across;
      if (kind != (high ? int(wide) : 3 - int(wide))) continue;
      const int y = vertical.first(row), x = horizontal.first(column);
      const int in_y = shape.stride * y - shape.top, in_x = shape.stride * x - shape.left;
      block.tiles[block.count++] = {n * shape.in.sample() + shape.in.at(0, in_y, in_x),
                                    n * shape.out.sample() + shape.out.at(0, y, x),
                                    std::min(shape.points(), shape.in.rows() - 1 - in_y),
                                    std::min(shape.points(), shape.in.columns() - 1 - in_x),
                                    vertical.outputs(row),
                                    horizontal.outputs(column)};
    }
  }
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
