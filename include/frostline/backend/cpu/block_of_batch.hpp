// SPDX-License-Identifier: MIT
// BlockOfBatch: one block of channels of all images, for kernels that need sums over a batch.
#pragma once

#include <algorithm>

#include "frostline/backend/cpu/blocked.hpp"
#include "frostline/core/kernel.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// A number for each channel of a block.
template <class Number>
struct alignas(sizeof(Vector)) OfBlock {
  Number of[lanes]{};
};

/// One block of channels of a batch.
struct BlockOfBatch {
  BlockedMap map;
  int batch, block;

  int channels() const { return std::min(lanes, map.shape.channels - block * lanes); }
  double count() const { return double(batch) * double(map.shape.pixels()); }
  /// The channels' parameters, zero after the last channel.
  OfBlock<float> load_channels(const float* data) const {
    OfBlock<float> result;
    std::copy_n(data + block * lanes, channels(), result.of);
    return result;
  }
  /// Calls visit(offset of a row's first pixel), from the last image to the first if `backwards`:
  /// a second pass then begins with the images that are still in the caches.
  template <class Visit>
  void for_each_row(bool backwards, Visit visit) const {
    for (int i = 0; i < batch; ++i) {
      const int n = backwards ? batch - 1 - i : i;
      for (int y = 0; y < map.shape.height; ++y) visit(n * map.sample() + map.at(block, y, 0));
    }
  }
  void zero_borders(float* value) const {
    for (int n = 0; n < batch; ++n)
      zero_border(map, value + n * map.sample() + block * map.block());
  }
};

/// Calls body(block) for each block of channels of this thread's share.
template <class Body>
void for_each_block(const Call& call, const BlockedMap& map, Body body) {
  for_each_task(call.team, map.blocks(), [&](int b) { body(BlockOfBatch{map, call.batch, b}); });
}

/// Adds up two numbers per pixel: a few hundred pixels (a stretch of rows) in float, then the
/// stretches in double. start(offset) returns the pivot of a stretch, body(offset, pivot, sum, sum)
/// adds a pixel, and flush(sum, sum, pivot, pixels) takes the stretch's sums.
template <class Start, class Body, class Flush>
FROSTLINE_INLINE void sum_rows(const BlockOfBatch& block, Start start, Body body, Flush flush) {
  constexpr int chains = 4;  // so that additions need not wait for each other
  const int width = block.map.shape.width, height = block.map.shape.height;
  const int rows = std::clamp(512 / width, 1, 8);
  for (int n = 0; n < block.batch; ++n)
    for (int top = 0; top < height; top += rows) {
      const int bottom = std::min(top + rows, height);
      std::ptrdiff_t at = n * block.map.sample() + block.map.at(block.block, top, 0);
      const auto pivot = start(at);
      Vector first[chains]{}, second[chains]{};
      for (int y = top; y < bottom; ++y, at += block.map.row()) {
        int x = 0;
        for (; x + chains <= width; x += chains) {
          FROSTLINE_UNROLL
          for (int c = 0; c < chains; ++c) body(at + (x + c) * lanes, pivot, first[c], second[c]);
        }
        for (; x < width; ++x) body(at + x * lanes, pivot, first[0], second[0]);
      }
      OfBlock<float> sums[2];
      store(sums[0].of, (first[0] + first[1]) + (first[2] + first[3]));
      store(sums[1].of, (second[0] + second[1]) + (second[2] + second[3]));
      flush(sums[0], sums[1], pivot, double(width) * (bottom - top));
    }
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
