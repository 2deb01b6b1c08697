// SPDX-License-Identifier: MIT
// Winograd's convolution of 3x3 taps, stride 1 or 2 and padding 1 (or 0 above or left) over blocked
// values.
#pragma once

#include "frostline/backend/cpu/multiply_tiles.hpp"
#include "frostline/backend/cpu/weights.hpp"
#include "frostline/backend/cpu/winograd_tiles.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// Transforms one block of channels of all tiles; step: floats from one product to the next.
template <class Transform>
[[gnu::noinline]] void winograd_input(const WinogradShape& shape, const TileBlock& tiles,
                                      const float* in, std::ptrdiff_t step, float* v) {
  constexpr int points = Transform::points;
  alignas(64) float padded[points * points * lanes];
  for (int t = 0; t < tiles.count; ++t, v += lanes) {
    const WinogradTile& tile = tiles.tiles[t];
    const float* d = in + tile.in;
    if (t + 2 < tiles.count) fetch_tile<points>(in + tiles.tiles[t + 2].in, shape.in.row());
    std::ptrdiff_t row = shape.in.row();
    if (tile.rows_in < points || tile.columns_in < points) {  // the tile exceeds the map
      std::fill_n(padded, points * points * lanes, 0.0f);
      for (int y = 0; y < tile.rows_in; ++y)
        std::copy_n(d + y * row, tile.columns_in * lanes, padded + y * points * lanes);
      d = padded;
      row = points * lanes;
    }
    Transform::input_tile(d, row, lanes, v, step);
  }
}

/// Transforms one block of channels of all tiles back, and stores the outputs that exist.
template <class Transform>
[[gnu::noinline]] void winograd_output(const WinogradShape& shape, const TileBlock& tiles,
                                       int channels, const float* m, std::ptrdiff_t step,
                                       const Epilogue& epilogue, float* out) {
  constexpr int M = Transform::outputs;
  const Vector shift =
      epilogue.shift ? load_unaligned(epilogue.shift + channels * lanes) : Vector{};
  const int exist = shape.out.shape.channels - channels * lanes;
  for (int t = 0; t < tiles.count; ++t, m += lanes) {
    const WinogradTile& tile = tiles.tiles[t];
    const std::ptrdiff_t first = tile.out + channels * shape.out.block();
    if (t + 2 < tiles.count) {
      const std::ptrdiff_t soon = tiles.tiles[t + 2].out + channels * shape.out.block();
      fetch_tile<M, true>(out + soon, shape.out.row());
      if (epilogue.added) fetch_tile<M>(epilogue.added + soon, shape.out.row());
    }
    Transform::output_tile(
        m, step, tile.rows, [&](int y, Vector* sums) __attribute__((always_inline)) {
          const std::ptrdiff_t at = first + y * shape.out.row();
          float* to = out + at;
          FROSTLINE_UNROLL
          for (int x = 0; x < M; ++x) sums[x] += shift;
          if (exist < lanes) {  // products of zero weights and numbers that are not finite are NaN
            FROSTLINE_UNROLL
            for (int x = 0; x < M; ++x) sums[x] = first_lanes(sums[x], exist);
          }
          if (epilogue.added) {  // also after the tile's end, where a border follows
            FROSTLINE_UNROLL
            for (int x = 0; x < M; ++x) sums[x] += load(epilogue.added + at + x * lanes);
          }
          if (epilogue.rectifier == Rectifier::relu) {
            FROSTLINE_UNROLL
            for (int x = 0; x < M; ++x) sums[x] = relu(sums[x]);
          } else if (epilogue.rectifier == Rectifier::relu6) {
            FROSTLINE_UNROLL
            for (int x = 0; x < M; ++x) sums[x] = relu6(sums[x]);
          }
          FROSTLINE_UNROLL
          for (int x = 0; x < M; ++x)
            if (x < tile.columns) store(to + x * lanes, sums[x]);
        });
  }
}

/// All products of a block of tiles for output pairs [first, last); m points to the first one's.
void winograd_multiply(const WinogradShape& shape, const TileBlock& tiles,
                       const WinogradScratch& scratch, const float* v, const float* packed,
                       int first, int last, float* m);

/// The transforms as functions, so that the loops around them are compiled only once.
struct WinogradTransforms {
  void (*input)(const WinogradShape&, const TileBlock&, const float* in, std::ptrdiff_t step,
                float* v);
  void (*output)(const WinogradShape&, const TileBlock&, int channels, const float* m,
                 std::ptrdiff_t step, const Epilogue&, float* out);
};

void winograd_run(const Team& team, const WinogradShape& shape,
                  const WinogradTransforms& transforms, int batch, const float* in,
                  const float* packed, const Epilogue& epilogue, float* out, float* shared_scratch,
                  float* thread_scratch);

/// y = conv(in) + shift (+ added) (then ReLU) of a batch; the work is divided among the team.
/// Assigns the output's pixels, not its border; `out` may be the epilogue's `added`. M and Stride
/// are the shape's. Transforms add up all inputs of a tile: one that is not finite makes all of the
/// tile's outputs NaN, also those whose windows do not contain it.
/// Shapes: packed of shape.packed_floats(), shared_scratch of shape.shared_scratch_floats(), a
/// thread_scratch of shape.thread_scratch_floats() for each thread.
/// Source: Lavin & Gray 2015, "Fast Algorithms for Convolutional Neural Networks".
template <int M, int Stride = 1>
void winograd_forward(const Team& team, const WinogradShape& shape, int batch, const float* in,
                      const float* packed, const Epilogue& epilogue, float* out,
                      float* shared_scratch, float* thread_scratch) {
  using Transform = WinogradTransform<M, Stride>;
  winograd_run(team, shape, {winograd_input<Transform>, winograd_output<Transform>}, batch, in,
               packed, epilogue, out, shared_scratch, thread_scratch);
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_KERNELS_COMPILED
#include "frostline/backend/cpu/winograd_body.hpp"
#endif
