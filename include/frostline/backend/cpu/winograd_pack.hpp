// SPDX-License-Identifier: MIT
// Packs Winograd's weights: transformed, in the order in which they are read.
#pragma once

#include "frostline/backend/cpu/weights.hpp"
#include "frostline/backend/cpu/winograd_tiles.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// The weights of a pair of output blocks for one input: [tap][output].
void gather_weights(const WeightView& weights, int pair, int c, float* taps);

/// Packs G g G^T as winograd_multiply reads it; the work is divided among the team. Number is
/// double for weights that are packed once, float for those that are packed in every training step.
template <int M, int Stride = 1, class Number = double>
[[gnu::noinline]] void winograd_pack(const Team& team, const WinogradShape& shape,
                                     const WeightView& weights, float* packed) {
  using Transform = WinogradTransform<M, Stride>;
  constexpr int kernels = Transform::kernels, width = 4 * lanes / int(sizeof(Number));
  typedef Number Numbers __attribute__((vector_size(4 * lanes)));
  typedef float Floats __attribute__((vector_size(4 * width), may_alias));
  const int inputs = shape.in.blocks() * lanes;
  for_each_task(team, std::ptrdiff_t(shape.pairs()) * inputs, [&](int task) {
    const int pair = task / inputs, c = task % inputs;
    alignas(64) float taps[9 * 2 * lanes];
    gather_weights(weights, pair, c, taps);
    for (int k = 0; k < 2 * lanes; k += width) {
      Numbers g[3][3], u[kernels][kernels];
      for (int t = 0; t < 9; ++t)
        g[t / 3][t % 3] = __builtin_convertvector(
            *reinterpret_cast<const Floats*>(taps + t * 2 * lanes + k), Numbers);
      Transform::kernel_tile(g, u);
      for (int kernel = 0; kernel < kernels * kernels; ++kernel)
        *reinterpret_cast<Floats*>(packed + shape.panel(kernel, pair) + c * 2 * lanes + k) =
            __builtin_convertvector(u[kernel / kernels][kernel % kernels], Floats);
    }
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_KERNELS_COMPILED
#include "frostline/backend/cpu/winograd_pack_body.hpp"
#endif
