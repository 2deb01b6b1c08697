// SPDX-License-Identifier: MIT
// The bodies of backend/cpu/multiply_tiles.hpp.
#pragma once

#include "frostline/backend/cpu/multiply_tiles.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

FROSTLINE_COMPILED_ONCE void multiply_tiles(TileProduct product, int tiles) {
  const int groups = divide_up(tiles, tile_pixels), larger = tiles % groups;
  FROSTLINE_NO_UNROLL
  for (int more = 1; more >= 0; --more) {
    asm("" : "+r"(more));  // hides its value: otherwise g++ compiles the body for 1 and for 0
    product.register_tiles_of(tiles / groups + more, more ? larger : groups - larger,
                              2 * lanes / groups);
  }
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
