// SPDX-License-Identifier: MIT
// The tiles of Winograd's convolution: sizes, blocks of tiles, and their places in scratch.
#pragma once

#include <algorithm>
#include <type_traits>

#include "frostline/backend/cpu/blocked.hpp"
#include "frostline/backend/cpu/both_axes.hpp"
#include "frostline/backend/cpu/strided_toom_cook.hpp"
#include "frostline/core/kernel.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// The transforms of F(M x M, 3 x 3) with a stride of 1 or 2.
template <int M, int Stride = 1>
using WinogradTransform =
    BothAxes<std::conditional_t<Stride == 1, ToomCook<M, 3>, StridedToomCook<M>>>;

/// The outputs of one axis in tiles of `tile`. If `tile` does not divide their number and tiles may
/// be `shortened`, the last ones have one output less and skip the products that only this output
/// needs (WinogradShape::last_alone).
struct TileAxis {
  int size, tile;
  bool shortened;
  constexpr int count() const { return divide_up(size, tile); }
  constexpr int whole() const {
    return shortened ? std::max(0, size - count() * (tile - 1)) : count();
  }
  constexpr int first(int i) const { return i * tile - std::max(0, i - whole()); }
  constexpr int outputs(int i) const { return std::min(tile - int(i >= whole()), size - first(i)); }
};

/// A 3x3 convolution by F(tile x tile, 3 x 3): all sizes that do not depend on the batch.
struct WinogradShape {
  BlockedMap in, out;
  int tile;
  int stride = 1;
  int top = 1, left = 1;  // zeros: 1, or with stride 2 also 0

  static constexpr int most_tiles = 48;  // in a block of tiles
  /// The part of its L2 cache that a thread's own block of tiles may fill, and the part of the L3
  /// cache for the threads' common block. Units: bytes.
  static constexpr int own_cache = lanes == 16 ? 768 * 1024 : 384 * 1024;
  static constexpr int common_cache = 8 * 1024 * 1024;

  /// Along one axis: the inputs of a tile, which are also its products, and its transformed
  /// weights.
  constexpr int points() const { return stride == 1 ? tile + 2 : 2 * tile + 1; }
  constexpr int kernels() const { return tile + 2; }
  constexpr int products() const { return points() * points(); }
  /// The points [first_point(kernel), first_point(kernel + 1)) have the same weights.
  constexpr int first_point(int kernel) const { return kernel < kernels() ? kernel : points(); }
  /// Whether only a tile's last output needs a point.
  constexpr bool last_alone(int point) const {
    return point == points() - 1 || (stride == 2 && point == tile);
  }
  constexpr bool shortened() const { return has_infinity(tile, stride == 1 ? 3 : 2); }
  constexpr TileAxis vertical() const { return {out.shape.height, tile, shortened()}; }
  constexpr TileAxis horizontal() const { return {out.shape.width, tile, shortened()}; }
  constexpr int tiles() const { return vertical().count() * horizontal().count(); }
  /// Output blocks are computed two at a time.
  constexpr int pairs() const { return divide_up(out.blocks(), 2); }

  /// The bytes of a tile's transformed inputs and the products of some pairs.
  constexpr int tile_bytes(int of_pairs) const {
    return 4 * lanes * products() * (in.blocks() + 2 * of_pairs);
  }
  constexpr int own_tiles() const { return std::min(own_cache / tile_bytes(1), 4 * tile_pixels); }
  /// Depth first: each thread has its own tiles, and finishes one pair of output blocks before the
  /// next. Otherwise the threads transform inputs together and each multiplies for its own outputs,
  /// so that weights are read only once per block.
  constexpr bool depth_first() const { return own_tiles() >= 2 * tile_pixels; }
  constexpr int block_tiles() const {
    const int fit = depth_first() ? own_tiles() : common_cache / tile_bytes(pairs());
    return std::clamp(fit / tile_pixels * tile_pixels, tile_pixels, most_tiles);
  }

  /// A panel is one kernel's weights for a pair of output blocks. Units from here on: floats.
  constexpr std::ptrdiff_t panel_floats() const {
    return std::ptrdiff_t(in.blocks()) * lanes * 2 * lanes;
  }
  /// The offset of a panel; panels are in the order in which they are read. The distance between
  /// kernels is an odd number of cache lines, so that packing does not evict its own lines.
  constexpr std::ptrdiff_t panel(int kernel, int pair) const {
    return depth_first() ? (pair * kernels() * kernels() + kernel) * (panel_floats() + 16)
                         : kernel * (pairs() * panel_floats() + 16) + pair * panel_floats();
  }
  constexpr std::ptrdiff_t packed_floats() const {
    return kernels() * kernels() * pairs() * (panel_floats() + 16);
  }
  constexpr std::ptrdiff_t thread_scratch_floats() const;
  constexpr std::ptrdiff_t shared_scratch_floats() const;
};

/// The places of a block of tiles in scratch: transformed inputs (product, block of channels, tile,
/// lane), then products (block of channels, product, tile, lane). The distance between products is
/// an odd number of vectors, so that they do not evict each other from the cache.
struct WinogradScratch {
  int products, inputs, tiles;
  constexpr std::ptrdiff_t input() const { return tiles * lanes; }  // to the next block
  constexpr std::ptrdiff_t input_product() const { return (inputs * tiles | 1) * lanes; }
  constexpr std::ptrdiff_t output_product() const { return (tiles | 1) * lanes; }
  constexpr std::ptrdiff_t output() const { return products * output_product(); }
  constexpr std::ptrdiff_t inputs_floats() const { return products * input_product(); }
};
constexpr std::ptrdiff_t WinogradShape::thread_scratch_floats() const {
  const WinogradScratch scratch{products(), in.blocks(), block_tiles()};
  return depth_first() ? scratch.inputs_floats() + 2 * scratch.output() : 0;
}
constexpr std::ptrdiff_t WinogradShape::shared_scratch_floats() const {
  const WinogradScratch scratch{products(), in.blocks(), block_tiles()};
  return depth_first() ? 0 : scratch.inputs_floats() + 2 * pairs() * scratch.output();
}

/// Offsets of a tile's first input and output, and how many rows and columns of them exist.
struct WinogradTile {
  std::ptrdiff_t in, out;
  int rows_in, columns_in, rows, columns;
};

/// Some tiles of a batch. Tiles at the lower and right edge may lack their last output row or
/// column and then skip the products that only it needs. They are sorted by that, so that each
/// product reads one contiguous run:
///
///     0        wide_begin    high_end    wide_end       count
///     | high narrow | high wide | low wide | low narrow |
///
/// High tiles have all rows, wide tiles all columns.
struct TileBlock {
  static constexpr int capacity = 112;
  int count = 0;
  int high_end = 0, wide_begin = 0, wide_end = 0;
  WinogradTile tiles[capacity];
};

void list_tiles(const WinogradShape& shape, int begin, int end, TileBlock& block);

/// Prefetches the pixels of a later tile, since its rows are too short for the processor's
/// prefetcher.
template <int Size, bool Write = false>
FROSTLINE_INLINE void fetch_tile(const float* pixels, std::ptrdiff_t row) {
  constexpr int line = 16;
  for (int y = 0; y < Size; ++y, pixels += row)
    for (int i = 0; i < Size * lanes; i += line) __builtin_prefetch(pixels + i, int(Write));
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_KERNELS_COMPILED
#include "frostline/backend/cpu/winograd_tiles_body.hpp"
#endif
