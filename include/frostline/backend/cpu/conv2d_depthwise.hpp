// SPDX-License-Identifier: MIT
// Depthwise convolution over blocked values: every channel has its own window of 3x3, 5x5 or
// 7x7.
#pragma once

#include <algorithm>

#include "frostline/backend/cpu/block_of_batch.hpp"
#include "frostline/backend/cpu/weights.hpp"
#include "frostline/layers/conv2d.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// One axis of a DepthwiseSum: output i reads inputs `step * i + first + t` for t in [0, taps),
/// with the weights of row (or column) `weight + t * weight_step` of the window. Units: rows
/// (columns).
struct DepthwiseAxis {
  int step, first, taps;
  int weight, weight_step;
};

/// Columns of zeros that a window reads to the left and to the right of an image.
struct DepthwiseMargins {
  int left, right;

  /// Whether a value's borders suffice: after the border of a row comes that of the next one.
  constexpr bool fit(const BlockedMap& in) const {
    return std::max(left, right) <= in.columns() - in.shape.width;
  }
  constexpr int columns(const BlockedMap& in) const { return left + in.shape.width + right; }
  /// Copies the pixels of a row, and writes the zeros around them.
  FROSTLINE_INLINE void copy_row(const BlockedMap& in, const float* from, float* to) const {
    for (int x = 0; x < left; ++x, to += lanes) store(to, Vector{});
    for (int x = 0; x < in.shape.width; ++x, to += lanes) store(to, load(from + x * lanes));
    for (int x = 0; x < right; ++x, to += lanes) store(to, Vector{});
  }
};

/// A depthwise convolution as a sum over taps; its outputs are every `out_step`-th row and column
/// from (out_y, out_x) on. The forward and the input gradient of any stride are such sums.
/// A sum skips the rows that the image does not have. The columns that it does not have are the
/// borders' zeros; where those do not suffice (windows of 7x7), a band's rows are copied first.
struct DepthwiseSum {
  BlockedMap in, out;
  DepthwiseAxis y, x;
  int out_step = 1, out_y = 0, out_x = 0;

  static constexpr int band = 8;  // output rows that one thread computes at a time

  constexpr int height() const { return outputs(out.shape.height, out_y); }
  constexpr int width() const { return outputs(out.shape.width, out_x); }
  constexpr std::ptrdiff_t block_weights() const { return std::ptrdiff_t(y.taps) * x.taps * lanes; }
  constexpr std::ptrdiff_t packed_floats() const { return out.blocks() * block_weights(); }
  constexpr DepthwiseMargins margins() const {
    const int last = (width() - 1) * x.step + x.first + x.taps - 1;
    return {std::max(0, -x.first), std::max(0, last - in.shape.width + 1)};
  }
  constexpr bool copies() const { return !margins().fit(in); }
  /// For the copied rows of a band.
  constexpr std::size_t scratch_floats() const {
    const int rows = (band - 1) * y.step + y.taps;
    return copies() ? std::size_t(rows) * std::size_t(margins().columns(in)) * lanes : 0;
  }

 private:
  constexpr int outputs(int size, int first) const {
    return (size - first + out_step - 1) / out_step;
  }
};

/// A depthwise convolution of blocked values; at most three zeros are on each side of the image.
struct DepthwiseConvolution {
  BlockedMap in, out;
  int size, stride, top, left;

  constexpr DepthwiseSum forward() const {
    return {in, out, forward_axis(top), forward_axis(left)};
  }
  /// The gradient of the inputs whose rows and columns are `row` and `column` modulo the stride.
  constexpr DepthwiseSum backward(int row, int column) const {
    return {out, in, backward_axis(row + top), backward_axis(column + left), stride, row, column};
  }
  /// Scratch floats per thread of the input's gradient, and of the weight's.
  constexpr std::size_t backward_floats() const {
    std::size_t floats = 0;
    for (int row = 0; row < stride; ++row)
      for (int column = 0; column < stride; ++column)
        floats = std::max(floats, backward(row, column).scratch_floats());
    return floats;
  }
  constexpr std::size_t weight_gradient_floats() const {
    const DepthwiseMargins margins = forward().margins();
    return margins.fit(in) ? 0 : std::size_t(margins.columns(in)) * lanes;
  }

 private:
  constexpr DepthwiseAxis forward_axis(int padding) const {
    return {.step = stride, .first = -padding, .taps = size, .weight = 0, .weight_step = 1};
  }
  /// Input `stride * i + at - pad` was read by output `i + (at - k) / stride` with weight k.
  constexpr DepthwiseAxis backward_axis(int at) const {
    int last = -1, taps = 0;
    for (int k = 0; k < size; ++k)
      if ((at + size * stride - k) % stride == 0) last = k, ++taps;
    return {.step = 1,
            .first = (at - last) / stride,
            .taps = taps,
            .weight = last,
            .weight_step = -stride};
  }
};

/// Packs weights as depthwise_sum reads them: [block][row of the window][column][channel].
void depthwise_pack(const Team& team, const DepthwiseSum& sum, const WeightView& weights,
                    float* packed);

/// The rows of the window that an output row reads, and where they are.
struct DepthwiseWindow {
  const float* weights;  // of the first row
  const float* shift;    // of the block, or null for 0
  std::ptrdiff_t in_row, out_pixel;
  int rows, columns;
};

/// The most outputs of a tile: they hide a multiply-add's latency and fit in 16 registers, and many
/// maps have rows of 7 or 14 pixels or of a multiple.
inline constexpr int depthwise_pixels = 14;

/// Computes Pixels adjacent outputs of one block. Step: pixels from one output's input to the next.
template <int Pixels, int Step>
[[gnu::noinline]] void depthwise_tile(const DepthwiseWindow& window, const float* in,
                                      const Epilogue& epilogue, std::ptrdiff_t at, float* out) {
  const Vector shift = window.shift ? load_unaligned(window.shift) : Vector{};
  Vector sums[Pixels];
  FROSTLINE_UNROLL
  for (int p = 0; p < Pixels; ++p) sums[p] = shift;
  const float* weights = window.weights;
  for (int y = 0; y < window.rows; ++y, in += window.in_row) {
    const float* from = in;
    FROSTLINE_NO_UNROLL
    for (int x = 0; x < window.columns; ++x, from += lanes, weights += lanes) {
      const Vector weight = load(weights);
      FROSTLINE_UNROLL
      for (int p = 0; p < Pixels; ++p) sums[p] += load(from + p * Step * lanes) * weight;
    }
  }
  FROSTLINE_UNROLL
  for (int p = 0; p < Pixels; ++p) {
    const std::ptrdiff_t place = at + p * window.out_pixel;
    store(out + place, epilogue.apply(sums[p], place));
  }
}

/// The tiles for rows of one width as functions, so that the loops around them are compiled once.
struct DepthwiseTiles {
  using Tile = void (*)(const DepthwiseWindow&, const float* in, const Epilogue&, std::ptrdiff_t at,
                        float* out);
  int count;     // tiles of a row
  int narrow;    // pixels of a tile; some have one more
  Tile tile[2];  // for `narrow` pixels, and for one more
};
template <int Width, int Step>
constexpr DepthwiseTiles depthwise_tiles() {
  constexpr int count = divide_up(Width, depthwise_pixels), narrow = Width / count;
  return {count,
          narrow,
          {depthwise_tile<narrow, Step>, depthwise_tile<narrow + int(Width % count != 0), Step>}};
}

/// The sum of a batch; the work is divided among the team. `tiles` must be those for the sum's
/// width and step, `scratch` is the thread's own. Assigns the outputs' pixels, not their borders.
void depthwise_sum(const Team& team, const DepthwiseSum& sum, const DepthwiseTiles& tiles,
                   int batch, const float* in, const float* packed, const Epilogue& epilogue,
                   float* scratch, float* out);

/// Packs the weights for depthwise_input_gradient, part by part.
void depthwise_pack_backward(const Team& team, const DepthwiseConvolution& conv,
                             const WeightView& weights, float* packed);
/// Assigns the input's gradient, or adds to it. tiles[x] are for the input columns that are x
/// modulo the stride.
void depthwise_input_gradient(const Team& team, const DepthwiseConvolution& conv,
                              const DepthwiseTiles* tiles, int batch, const float* out_gradient,
                              const float* packed, bool adds, float* scratch, float* in_gradient);

/// Adds one row of pixels to the sums of `Size` neighbouring taps of a block.
template <int Size>
FROSTLINE_INLINE void add_depthwise_row(const float* in, std::ptrdiff_t in_pixel,
                                        const float* gradient, int width, Vector (&sums)[2][Size]) {
  const auto add = [&](int chain, int x) __attribute__((always_inline)) {
    const Vector slope = load(gradient + x * lanes);
    FROSTLINE_UNROLL
    for (int t = 0; t < Size; ++t) sums[chain][t] += load(in + x * in_pixel + t * lanes) * slope;
  };
  int x = 0;
  FROSTLINE_NO_UNROLL
  for (; x + 2 <= width; x += 2) add(0, x), add(1, x + 1);
  if (x < width) add(0, x);
}

/// Assigns the weight's gradient, (channels, 1, Size, Size), or adds to it: sums over an image in
/// float, over images in double.
template <int Size>
FROSTLINE_COMPILED_ONCE void depthwise_weight_gradient(const Team& team,
                                                       const DepthwiseConvolution& conv, int batch,
                                                       const float* in, const float* out_gradient,
                                                       bool adds, float* scratch, float* gradient) {
  const Shape shape = conv.out.shape;
  const DepthwiseMargins margins = conv.forward().margins();
  const bool copies = !margins.fit(conv.in);
  // A task is a row of a block's window. A thread computes its rows of the same block together,
  // since they read the same inputs and gradients.
  const std::ptrdiff_t tasks = std::ptrdiff_t(conv.out.blocks()) * Size;
  for (int task = int(team.first(tasks)), end = 0; task < int(team.last(tasks)); task = end) {
    const BlockOfBatch block{conv.out, batch, task / Size};
    end = std::min(int(team.last(tasks)), (block.block + 1) * Size);
    const int first = task % Size, last = first + end - task;  // rows of the window
    OfBlock<double> total[Size][Size];
    for (int n = 0; n < batch; ++n) {
      Vector sums[Size][2][Size]{};
      for (int y = 0; y < shape.height; ++y)
        for (int ky = first; ky < last; ++ky) {
          const int in_row = y * conv.stride + ky - conv.top;
          if (in_row < 0 || in_row >= conv.in.shape.height) continue;
          const float* row = in + n * conv.in.sample() + conv.in.at(block.block, in_row, 0);
          if (copies) margins.copy_row(conv.in, row, scratch);
          add_depthwise_row<Size>(
              copies ? scratch : row - conv.left * lanes, conv.stride * conv.in.pixel,
              out_gradient + n * conv.out.sample() + conv.out.at(block.block, y, 0), shape.width,
              sums[ky]);
        }
      for (int ky = first; ky < last; ++ky)
        for (int t = 0; t < Size; ++t) {
          OfBlock<float> of_image;
          store(of_image.of, sums[ky][0][t] + sums[ky][1][t]);
          for (int i = 0; i < lanes; ++i) total[ky][t].of[i] += double(of_image.of[i]);
        }
    }
    for (int i = 0; i < block.channels(); ++i)
      for (int ky = first; ky < last; ++ky)
        for (int t = 0; t < Size; ++t) {
          float& to = gradient[((block.block * lanes + i) * Size + ky) * Size + t];
          to = float(total[ky][t].of[i]) + (adds ? to : 0.0f);
        }
  }
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_KERNELS_COMPILED
#include "frostline/backend/cpu/conv2d_depthwise_body.hpp"
#endif
