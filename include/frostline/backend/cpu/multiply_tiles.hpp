// SPDX-License-Identifier: MIT
// multiply_tiles: the products of transformed values, on which fast convolutions spend their time.
#pragma once

#include <utility>

#include "frostline/backend/cpu/blocked.hpp"
#include "frostline/core/kernel.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// One product of some tiles with a pair of output blocks, summed over all channels; `ahead` is
/// prefetched meanwhile.
/// Shapes: v (block of channels, tile, lane), weights (channel, output of the pair), m (block of
/// the pair, tile, lane).
struct TileProduct {
  int channels;                     // a multiple of 2
  std::ptrdiff_t v_block, m_block;  // floats from one block to the next
  const float *v, *weights, *ahead;
  float* m;

  /// The next `count` register tiles of Pixels tiles.
  template <int Pixels>
  FROSTLINE_INLINE void register_tiles(int count, int ahead_step) {
    for (; count > 0; --count, v += Pixels * lanes, m += Pixels * lanes) {
      Tile<Pixels, 2> tile;
      tile.zero();
      const float *block = v, *w = weights;
      for (int rest = channels; rest > 0; rest -= lanes, block += v_block) {
        const int inner = rest < lanes ? rest : lanes;
        FROSTLINE_NO_UNROLL
        for (int c = 0; c < inner; c += 2) {
          FROSTLINE_UNROLL
          for (int i = 0; i < 2; ++i, w += 2 * lanes, ahead += ahead_step) {
            __builtin_prefetch(ahead, 0, 2);
            if (lanes == 16) __builtin_prefetch(ahead + 16, 0, 2);
            tile.template multiply_add<lanes>(block + c + i, w);
          }
        }
      }
      float* const second = m + m_block;
      FROSTLINE_UNROLL
      for (int p = 0; p < Pixels; ++p) {
        store(m + p * lanes, tile.sums[p][0]);
        store(second + p * lanes, tile.sums[p][1]);
      }
    }
  }
  /// The next `count` register tiles of `pixels` tiles; if these are more than tile_pixels, count
  /// is 0. A recursion instead would compile all smaller sizes again for each size.
  FROSTLINE_INLINE void register_tiles_of(int pixels, int count, int ahead_step) {
    [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
      static_cast<void>(((pixels == tile_pixels - I &&
                          (register_tiles<tile_pixels - I>(count, ahead_step), true)) ||
                         ...));
    }
    (std::make_integer_sequence<int, tile_pixels>{});
  }
};

/// Assigns m, in register tiles of about equal size.
void multiply_tiles(TileProduct product, int tiles);

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_KERNELS_COMPILED
#include "frostline/backend/cpu/multiply_tiles_body.hpp"
#endif
