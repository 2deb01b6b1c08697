// SPDX-License-Identifier: MIT
// The bodies of backend/cpu/winograd.hpp.
#pragma once

#include "frostline/backend/cpu/winograd.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

FROSTLINE_COMPILED_ONCE void winograd_multiply(const WinogradShape& shape, const TileBlock& tiles,
                                               const WinogradScratch& scratch, const float* v,
                                               const float* packed, int first, int last, float* m) {
  const int kernels = shape.kernels();
  for (int kernel = 0; kernel < kernels * kernels; ++kernel)
    for (int pair = first; pair < last; ++pair) {
      const int next = pair + 1 < last ? pair + 1 : first;
      const float* weights = packed + shape.panel(kernel, pair);
      const float* ahead = packed + shape.panel(kernel + int(next <= pair), next);
      for (int y = shape.first_point(kernel / kernels); y < shape.first_point(kernel / kernels + 1);
           ++y)
        for (int x = shape.first_point(kernel % kernels);
             x < shape.first_point(kernel % kernels + 1); ++x) {
          const bool high = shape.last_alone(y), wide = shape.last_alone(x);
          const int product = y * shape.points() + x;
          const int begin = wide ? tiles.wide_begin : 0;
          const int end = high ? tiles.high_end : wide ? tiles.wide_end : tiles.count;
          if (begin >= end) continue;
          multiply_tiles({.channels = shape.in.blocks() * lanes,
                          .v_block = scratch.input(),
                          .m_block = scratch.output(),
                          .v = v + product * scratch.input_product() + begin * lanes,
                          .weights = weights,
                          .ahead = ahead,
                          .m = m + (pair - first) * 2 * scratch.output() +
                               product * scratch.output_product() + begin * lanes},
                         end - begin);
        }
    }
}

FROSTLINE_COMPILED_ONCE void winograd_run(const Team& team, const WinogradShape& shape,
                                          const WinogradTransforms& transforms, int batch,
                                          const float* in, const float* packed,
                                          const Epilogue& epilogue, float* out,
                                          float* shared_scratch, float* thread_scratch) {
  const int tiles = batch * shape.tiles(), pairs = shape.pairs();
  const bool depth_first = shape.depth_first();
  int blocks = divide_up(tiles, shape.block_tiles());
  if (depth_first) blocks = std::min(tiles, divide_up(blocks, team.threads) * team.threads);
  const WinogradScratch scratch{shape.products(), shape.in.blocks(), divide_up(tiles, blocks)};
  float* v = depth_first ? thread_scratch : shared_scratch;
  float* m = v + scratch.inputs_floats();
  const Team alone{};
  const Team& sharing = depth_first ? alone : team;  // a block of tiles
  const int begin = depth_first ? int(team.first(blocks)) : 0;
  const int end = depth_first ? int(team.last(blocks)) : blocks;

  const auto finish = [&](const TileBlock& block, int pair, const float* products) {
    for (int k = 2 * pair; k < std::min(2 * pair + 2, shape.out.blocks()); ++k)
      transforms.output(shape, block, k, products + (k % 2) * scratch.output(),
                        scratch.output_product(), epilogue, out);
  };
  TileBlock block;
  for (int b = begin; b < end; ++b) {
    list_tiles(shape, int(std::ptrdiff_t(tiles) * b / blocks),
               int(std::ptrdiff_t(tiles) * (b + 1) / blocks), block);
    if (b > begin) sharing.sync();  // before the scratch is overwritten
    for_each_task(sharing, shape.in.blocks(), [&](int channels) {
      transforms.input(shape, block, in + channels * shape.in.block(), scratch.input_product(),
                       v + channels * scratch.input());
    });
    sharing.sync();
    if (depth_first) {
      for (int pair = 0; pair < pairs; ++pair) {
        winograd_multiply(shape, block, scratch, v, packed, pair, pair + 1, m);
        finish(block, pair, m);
      }
    } else {
      const int first = int(team.first(pairs)), last = int(team.last(pairs));
      float* own = m + 2 * first * scratch.output();
      winograd_multiply(shape, block, scratch, v, packed, first, last, own);
      for (int pair = first; pair < last; ++pair)
        finish(block, pair, own + 2 * (pair - first) * scratch.output());
    }
  }
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
