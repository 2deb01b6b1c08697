// SPDX-License-Identifier: MIT
// im2col and col2im: the windows of a convolution as the columns of a matrix.
#pragma once

#include <algorithm>
#include <utility>

#include "frostline/core/layer.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// The sizes of a convolution's windows. Zeros below an image and on its right need not be told:
/// the output's shape says how far they go.
struct Windows {
  int kernel, stride, top, left, dilation;

  /// The outputs of a row, [first, last), whose tap at `offset` is inside a row of `size`.
  constexpr std::pair<int, int> inside(int offset, int size, int outputs) const {
    const int start = offset * dilation - left;  // input index of output 0
    const int first = start >= 0 ? 0 : (-start + stride - 1) / stride;
    const int last = size - start <= 0 ? 0 : (size - start - 1) / stride + 1;
    return {std::min(first, outputs), std::max(std::min(first, outputs), std::min(last, outputs))};
  }
};

/// One tap of one channel for the output rows [from_row, to_row) of one image.
/// Shapes: image (height, width), column ((to_row - from_row) * outputs of a row).
inline void im2col_tap(const float* image, Shape in, Shape out, Windows windows, int ky, int kx,
                       int from_row, int to_row, float* column) {
  const auto [first, last] = windows.inside(kx, in.width, out.width);
  const int shift = kx * windows.dilation - windows.left;
  for (int y = from_row; y < to_row; ++y, column += out.width) {
    const int row = y * windows.stride + ky * windows.dilation - windows.top;
    if (row < 0 || row >= in.height) {
      std::fill_n(column, out.width, 0.0f);
      continue;
    }
    const float* from = image + std::ptrdiff_t(row) * in.width + shift;
    std::fill(column, column + first, 0.0f);
    if (windows.stride == 1)
      std::copy(from + first, from + last, column + first);
    else
      for (int x = first; x < last; ++x) column[x] = from[std::ptrdiff_t(x) * windows.stride];
    std::fill(column + last, column + out.width, 0.0f);
  }
}

/// The reverse of im2col_tap for a whole image: adds the column to the image.
inline void col2im_tap(const float* column, Shape in, Shape out, Windows windows, int ky, int kx,
                       float* image) {
  const auto [first, last] = windows.inside(kx, in.width, out.width);
  const int shift = kx * windows.dilation - windows.left;
  for (int y = 0; y < out.height; ++y, column += out.width) {
    const int row = y * windows.stride + ky * windows.dilation - windows.top;
    if (row < 0 || row >= in.height) continue;
    float* to = image + std::ptrdiff_t(row) * in.width + shift;
    for (int x = first; x < last; ++x) to[std::ptrdiff_t(x) * windows.stride] += column[x];
  }
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
