// SPDX-License-Identifier: MIT
// im2col and col2im with Thrust: the windows of a convolution as the columns of matrices.
#pragma once

#include "frostline/backend/thrust/memory.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// A convolution's sizes, as a device reads them.
struct Windows {
  int in_channels, in_height, in_width, out_channels, out_height, out_width;
  int kernel, stride, top, left, dilation, groups;  // zeros above and on the left

  FROSTLINE_DEVICE std::ptrdiff_t in_pixels() const { return std::ptrdiff_t(in_height) * in_width; }
  FROSTLINE_DEVICE std::ptrdiff_t pixels() const { return std::ptrdiff_t(out_height) * out_width; }
  FROSTLINE_DEVICE std::ptrdiff_t in_size() const { return in_channels * in_pixels(); }
  FROSTLINE_DEVICE std::ptrdiff_t out_size() const { return out_channels * pixels(); }
  /// Rows of the matrix of columns, of all groups.
  FROSTLINE_DEVICE int taps() const { return in_channels * kernel * kernel; }
  /// Whether the columns are the image itself, so that the product reads the image.
  constexpr bool pointwise() const {
    return kernel == 1 && stride == 1 && in_height == out_height && in_width == out_width;
  }
  constexpr int group_in() const { return in_channels / groups; }
  constexpr int group_out() const { return out_channels / groups; }
  constexpr int group_taps() const { return group_in() * kernel * kernel; }
};

/// Some images, or some of one image's output pixels: so few that their columns stay in a cache
/// between the kernel that writes them and the product that reads them.
struct Chunk {
  static constexpr std::ptrdiff_t most_floats = 4 << 20;
  static constexpr int most_images = 64;
  int first_image = 0, images = 1;
  std::ptrdiff_t first_pixel = 0, pixels = 0;

  /// The size of all chunks but the last ones.
  static constexpr Chunk full(std::ptrdiff_t taps, std::ptrdiff_t pixels) {
    const std::ptrdiff_t image = taps * pixels;
    if (image > most_floats) return {0, 1, 0, most_floats / taps > 0 ? most_floats / taps : 1};
    const std::ptrdiff_t images = most_floats / image;
    return {0, int(images < most_images ? images : most_images), 0, pixels};
  }
  constexpr std::ptrdiff_t size() const { return images * pixels; }
};
/// Calls visit(chunk) for chunks that cover a batch, the pieces of an image in order.
template <class Visit>
void for_each_chunk(std::ptrdiff_t taps, std::ptrdiff_t pixels, int batch, Visit visit) {
  const Chunk full = Chunk::full(taps, pixels);
  for (int n = 0; n < batch; n += full.images)
    for (std::ptrdiff_t p = 0; p < pixels; p += full.pixels)
      visit(Chunk{n, batch - n < full.images ? batch - n : full.images, p,
                  pixels - p < full.pixels ? pixels - p : full.pixels});
}

/// Assigns a chunk's columns. Shapes: images (batch, in), columns (taps, images, pixels) with these
/// strides.
struct ToColumns {
  Windows w;
  Chunk chunk;
  const float* images;
  float* columns;
  std::ptrdiff_t row_stride, image_stride;

  std::ptrdiff_t count() const { return w.taps() * chunk.size(); }
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const std::ptrdiff_t p = i % chunk.pixels, row_of_image = i / chunk.pixels;
    const int row = int(row_of_image % w.taps()), n = int(row_of_image / w.taps());
    const int pixel = int(chunk.first_pixel + p);
    const int c = row / (w.kernel * w.kernel), tap = row % (w.kernel * w.kernel);
    const int y = pixel / w.out_width * w.stride - w.top + tap / w.kernel * w.dilation;
    const int x = pixel % w.out_width * w.stride - w.left + tap % w.kernel * w.dilation;
    const bool inside = y >= 0 && y < w.in_height && x >= 0 && x < w.in_width;
    const float* image = images + (chunk.first_image + n) * w.in_size();
    columns[row * row_stride + n * image_stride + p] =
        inside ? image[(std::ptrdiff_t(c) * w.in_height + y) * w.in_width + x] : 0.0f;
  }
};

/// Assigns the gradient of a chunk's images from that of its columns, or adds to it: each pixel
/// sums the gradients of its windows. Shapes: columns (images, taps, pixels), images (batch, in).
struct FromColumns {
  Windows w;
  Chunk chunk;
  const float* columns;
  float* images;
  bool adds;

  std::ptrdiff_t count() const { return chunk.images * w.in_size(); }
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const int n = int(i / w.in_size()), c = int(i % w.in_size() / w.in_pixels());
    const int pixel = int(i % w.in_pixels());
    const int y = pixel / w.in_width + w.top, x = pixel % w.in_width + w.left;
    const float* from =
        columns + (std::ptrdiff_t(n) * w.taps() + c * w.kernel * w.kernel) * chunk.pixels;
    float sum = 0;
    for (int ky = 0; ky < w.kernel; ++ky) {
      const int oy = (y - ky * w.dilation) / w.stride;
      if (oy * w.stride != y - ky * w.dilation || oy < 0 || oy >= w.out_height) continue;
      for (int kx = 0; kx < w.kernel; ++kx) {
        const int ox = (x - kx * w.dilation) / w.stride;
        if (ox * w.stride != x - kx * w.dilation || ox < 0 || ox >= w.out_width) continue;
        const std::ptrdiff_t p = std::ptrdiff_t(oy) * w.out_width + ox - chunk.first_pixel;
        if (p >= 0 && p < chunk.pixels) sum += from[(ky * w.kernel + kx) * chunk.pixels + p];
      }
    }
    put(images[chunk.first_image * w.in_size() + i], sum, adds);
  }
};

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device
