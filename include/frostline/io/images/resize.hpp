// SPDX-License-Identifier: MIT
// Resizing and cropping of images; the same bytes as Pillow's.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/images/filter.hpp"
#include "frostline/io/images/pixels.hpp"

namespace frostline::detail {

/// A rectangle of a source image with real coordinates.
/// Units: pixels; 0 is the outer edge of the first, and right and bottom are exclusive.
struct Box {
  float left, top, right, bottom;
};

/// A rectangle of whole pixels.
/// Units: pixels.
struct Region {
  int left, top, width, height;

  friend bool operator==(const Region&, const Region&) = default;
};

/// The part of height x width x channels inside the region.
/// Throws: Error if the region is empty or reaches outside the source.
inline std::vector<std::uint8_t> crop(const std::vector<std::uint8_t>& pixels, int width,
                                      int height, std::ptrdiff_t channels, const Region& region) {
  if (region.left < 0 || region.top < 0 || region.width < 1 || region.height < 1 ||
      region.left > width - region.width || region.top > height - region.height)
    throw Error(
        format_text("the region of {}x{} pixels at ({}, {}) is not inside an image of {}x{}",
                    region.width, region.height, region.left, region.top, width, height));
  const std::ptrdiff_t row_size = region.width * channels;
  auto part =
      allocate(static_cast<std::uint64_t>(row_size) * static_cast<std::uint64_t>(region.height),
               "a part of an image");
  auto out = part.begin();
  for (int y = region.top; y < region.top + region.height; ++y)
    out = std::copy_n(
        pixels.begin() + (static_cast<std::ptrdiff_t>(y) * width + region.left) * channels,
        row_size, out);
  return part;
}

/// The part of the image inside the region.
/// Throws: Error if the region is empty or reaches outside the image.
inline Image crop(const Image& image, const Region& region) {
  check_image(image);
  return {region.width, region.height, crop(image.pixels, image.width, image.height, 3, region)};
}

inline constexpr int weight_bits = 32 - 8 - 2;
inline constexpr std::uint64_t most_resized_pixels = std::uint64_t{1} << 28;

/// For each output coordinate, the source coordinates that it reads and their weights.
/// Units: weights are multiples of 2^-weight_bits; those of output i begin at i * stride.
struct Taps {
  std::vector<int> first, count, weights;
  int stride = 0;
};

/// The weights of the triangle filter.
inline Taps triangle_taps(int source, float begin, float end, int outputs) {
  const double scale = static_cast<double>(end - begin) / outputs;
  const auto count = static_cast<std::uint64_t>(outputs);
  Taps taps;
  taps.stride = widest_window<TriangleFilter>(scale);
  taps.first = allocate<int>(count, "resizing an image");
  taps.count = allocate<int>(count, "resizing an image");
  taps.weights =
      allocate<int>(count * static_cast<std::uint64_t>(taps.stride), "resizing an image");
  auto exact = allocate<double>(static_cast<std::uint64_t>(taps.stride), "resizing an image");
  for (int output = 0; output < outputs; ++output) {
    const FilterWindow window = filter_window<TriangleFilter>(source, begin, scale, output, exact);
    taps.first[static_cast<std::size_t>(output)] = window.first;
    taps.count[static_cast<std::size_t>(output)] = window.count;
    int* weights =
        &taps.weights[static_cast<std::size_t>(output) * static_cast<std::size_t>(taps.stride)];
    for (int tap = 0; tap < window.count; ++tap)
      weights[tap] =
          static_cast<int>(0.5 + exact[static_cast<std::size_t>(tap)] * (1 << weight_bits));
  }
  return taps;
}

inline std::uint8_t to_pixel(int sum) {
  return static_cast<std::uint8_t>(std::min(sum >> weight_bits, 255));
}

/// Resamples every row from `top` on. Shapes: image HWC -> rows x taps' outputs x C.
inline Image resample_rows(const Image& image, const Taps& taps, int top, int rows) {
  const int width = static_cast<int>(taps.first.size());
  Image result = allocate_image(static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(rows),
                                "resizing an image");
  std::uint8_t* out = result.pixels.data();
  for (int y = 0; y < rows; ++y) {
    const std::uint8_t* row =
        image.pixels.data() + static_cast<std::ptrdiff_t>(top + y) * image.width * 3;
    const int* weights = taps.weights.data();
    for (std::size_t x = 0; x < taps.first.size(); ++x, weights += taps.stride, out += 3) {
      const std::uint8_t* in = row + std::ptrdiff_t{taps.first[x]} * 3;
      int red = 1 << (weight_bits - 1);
      int green = red;
      int blue = red;
      for (int tap = 0; tap < taps.count[x]; ++tap, in += 3) {
        red += in[0] * weights[tap];
        green += in[1] * weights[tap];
        blue += in[2] * weights[tap];
      }
      out[0] = to_pixel(red);
      out[1] = to_pixel(green);
      out[2] = to_pixel(blue);
    }
  }
  return result;
}

/// Resamples every column; row 0 of the image is the source's row `top`.
inline Image resample_columns(const Image& image, const Taps& taps, int top) {
  const int height = static_cast<int>(taps.first.size());
  Image result = allocate_image(static_cast<std::uint64_t>(image.width),
                                static_cast<std::uint64_t>(height), "resizing an image");
  const std::size_t values = static_cast<std::size_t>(image.width) * 3;
  std::vector<int> sums = allocate<int>(values, "resizing an image");
  for (std::size_t y = 0; y < taps.first.size(); ++y) {
    std::fill(sums.begin(), sums.end(), 1 << (weight_bits - 1));
    for (int tap = 0; tap < taps.count[y]; ++tap) {
      const std::uint8_t* in =
          image.pixels.data() + static_cast<std::size_t>(taps.first[y] - top + tap) * values;
      const int weight =
          taps.weights[y * static_cast<std::size_t>(taps.stride) + static_cast<std::size_t>(tap)];
      for (std::size_t i = 0; i < values; ++i) sums[i] += in[i] * weight;
    }
    std::uint8_t* out = result.pixels.data() + y * values;
    for (std::size_t i = 0; i < values; ++i) out[i] = to_pixel(sums[i]);
  }
  return result;
}

/// Throws: Error if the size or the box is empty, the box reaches outside the source, or the size
/// is larger than any photograph's.
inline void check_resize(int source_width, int source_height, int width, int height,
                         const Box& box) {
  const auto [left, top, right, bottom] = box;
  if (width < 1 || height < 1)
    throw Error(format_text("an image cannot be resized to {}x{} pixels", width, height));
  if (!(left >= 0 && top >= 0 && left < right && top < bottom &&
        right <= static_cast<float>(source_width) && bottom <= static_cast<float>(source_height)))
    throw Error(
        format_text("the box from ({}, {}) to ({}, {}) is empty or not inside an image of "
                    "{}x{}",
                    left, top, right, bottom, source_width, source_height));
  if (const std::uint64_t pixels = std::uint64_t(width) * std::uint64_t(height);
      pixels > most_resized_pixels)
    throw Error(format_text("an image cannot be resized to {}x{} = {} pixels; at most {}", width,
                            height, pixels, most_resized_pixels));
}

}  // namespace frostline::detail

namespace frostline {

/// The part of the image inside the box, resampled to width x height with an antialiasing triangle
/// filter: the bytes of Pillow's `image.resize((width, height), Image.BILINEAR, box)` in Pillow
/// 9.4 to 12.1. (12.2 may resample the columns first: one level of difference in some tall images.)
/// Throws: Error if the size or the box is empty, or the box reaches outside the image, or the size
/// is larger than any photograph's. Source:
/// https://pillow.readthedocs.io/en/stable/handbook/concepts.html#filters
inline Image resize(const Image& image, int width, int height, const detail::Box& box) {
  detail::check_image(image);
  detail::check_resize(image.width, image.height, width, height, box);
  const auto [left, top, right, bottom] = box;
  const auto columns = detail::triangle_taps(image.width, left, right, width);
  const auto rows = detail::triangle_taps(image.height, top, bottom, height);
  const int first_row = rows.first.front();
  const int last_row = rows.first.back() + rows.count.back();
  const bool keeps_width = width == image.width && left == 0 && right == static_cast<float>(width);
  const bool keeps_height =
      height == image.height && top == 0 && bottom == static_cast<float>(height);
  if (keeps_width && keeps_height) return detail::crop(image, {0, 0, width, height});
  if (keeps_width) return detail::resample_columns(image, rows, 0);
  const Image narrowed = detail::resample_rows(image, columns, first_row, last_row - first_row);
  return keeps_height ? narrowed : detail::resample_columns(narrowed, rows, first_row);
}

/// The whole image, resampled to width x height: Pillow's `image.resize((width, height),
/// Image.BILINEAR)`.
/// Throws: Error if the size is empty or larger than any photograph's.
inline Image resize(const Image& image, int width, int height) {
  return resize(
      image, width, height,
      detail::Box{0, 0, static_cast<float>(image.width), static_cast<float>(image.height)});
}

}  // namespace frostline

namespace frostline::detail {

/// A side of an image whose shorter side is resized to `target`, as torchvision's Resize(target).
inline int scaled_side(int side, int shorter, int target) {
  return static_cast<int>(std::min<std::int64_t>(target * std::int64_t{side} / shorter,
                                                 std::numeric_limits<int>::max()));
}

}  // namespace frostline::detail

namespace frostline {

/// Resizes the shorter side to `most`, as torchvision's Resize(most), if it is longer; otherwise
/// returns the image. EvaluationTransform{.resize = most} gives the same floats for the result as
/// for the image.
/// Throws: Error if `most` is not positive.
inline Image shrink(Image image, int most) {
  detail::check_image(image);
  if (most < 1) throw Error(detail::format_text("an image cannot be shrunk to {} pixels", most));
  const int shorter = std::min(image.width, image.height);
  if (shorter <= most) return image;
  return resize(image, detail::scaled_side(image.width, shorter, most),
                detail::scaled_side(image.height, shorter, most));
}

}  // namespace frostline
