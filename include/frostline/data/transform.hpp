// SPDX-License-Identifier: MIT
// Transforms of an image to a network's input, as in torchvision, for evaluation and training.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <span>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/images/label_mask.hpp"
#include "frostline/io/images/nearest.hpp"
#include "frostline/io/images/pixels.hpp"
#include "frostline/io/images/resize.hpp"

namespace frostline::detail {

/// Subtracts a mean from each channel (red, green, blue) and divides it by a deviation; the default
/// is ImageNet's. Units: pixels scaled to 0 ... 1.
struct Normalization {
  float mean[3] = {0.485f, 0.456f, 0.406f};
  float deviation[3] = {0.229f, 0.224f, 0.225f};
};

/// A generator of 64 random bits at once, like std::mt19937_64.
template <typename Generator>
concept RandomBits64 = std::uniform_random_bit_generator<Generator> &&(Generator::min() == 0) &&
                       (Generator::max() == std::numeric_limits<std::uint64_t>::max());

/// Throws: Error unless every number is finite and no deviation is 0 or less.
inline void check_normalization(const Normalization& normalization) {
  for (int channel = 0; channel < 3; ++channel) {
    const float mean = normalization.mean[channel], deviation = normalization.deviation[channel];
    if (!std::isfinite(mean) || !std::isfinite(deviation) || deviation <= 0)
      throw Error(
          format_text("a Normalization requires finite means and positive deviations, but "
                      "those of channel {} are {} and {}",
                      channel, mean, deviation));
  }
}

/// Throws: Error unless `out` has exactly 3 x size x size floats.
inline void check_room(int size, std::span<const float> out) {
  const auto side = static_cast<std::size_t>(std::max(size, 0));
  if (size < 1 || out.size() != 3 * side * side)
    throw Error(
        format_text("a transform to 3x{}x{} floats got room for {}", size, size, out.size()));
}
/// The same for size x size labels.
inline void check_room(int size, std::span<const int> out) {
  const auto side = static_cast<std::size_t>(std::max(size, 0));
  if (size < 1 || out.size() != side * side)
    throw Error(format_text("a transform to {}x{} labels got room for {}", size, size, out.size()));
}

/// Writes the square at (left, top), with zero pixels outside the image, mirrored on request.
/// Shapes: image HWC -> out 3 x size x size; assigns.
inline void write_square(const Image& image, int left, int top, int size, bool mirrored,
                         const Normalization& normalization, std::span<float> out) {
  check_image(image);
  check_normalization(normalization);
  check_room(size, out);
  float* target = out.data();
  for (int channel = 0; channel < 3; ++channel) {
    float normalized[256];
    for (int value = 0; value < 256; ++value)
      normalized[value] = (static_cast<float>(value) / 255.0f - normalization.mean[channel]) /
                          normalization.deviation[channel];
    for (int y = top; y < top + size; ++y) {
      for (int step = 0; step < size; ++step) {
        const int x = left + (mirrored ? size - 1 - step : step);
        const bool inside = y >= 0 && y < image.height && x >= 0 && x < image.width;
        const auto pixel = static_cast<std::ptrdiff_t>(y) * image.width + x;
        *target++ =
            normalized[inside ? image.pixels[static_cast<std::size_t>(pixel * 3 + channel)] : 0];
      }
    }
  }
}

/// Writes the labels of the square at (left, top), `outside` for pixels that are not in the mask,
/// mirrored on request.
/// Shapes: mask HW -> out size x size; assigns.
inline void write_labels(const LabelMask& mask, int left, int top, int size, bool mirrored,
                         int outside, std::span<int> out) {
  check_room(size, out);
  int* target = out.data();
  for (int y = top; y < top + size; ++y)
    for (int step = 0; step < size; ++step) {
      const int x = left + (mirrored ? size - 1 - step : step);
      const bool inside = y >= 0 && y < mask.height && x >= 0 && x < mask.width;
      const auto pixel = static_cast<std::ptrdiff_t>(y) * mask.width + x;
      *target++ = inside ? mask.labels[static_cast<std::size_t>(pixel)] : outside;
    }
}

/// Throws: Error unless the image and its mask have the same size; if only one of them is turned,
/// the error says how to turn the other.
inline void check_pair(const Image& image, const LabelMask& mask) {
  check_image(image);
  check_mask(mask);
  if (mask.width == image.width && mask.height == image.height) return;
  const bool is_turned = mask.width == image.height && mask.height == image.width;
  throw Error(format_text("an image of {}x{} pixels has a mask of {}x{}{}", image.width,
                          image.height, mask.width, mask.height,
                          is_turned ? "; if a camera's EXIF data turn the image, read both with "
                                      "DecodeOptions{.orientation = Orientation::upright}, or both "
                                      "without"
                                    : ""));
}

/// The offset of a centred crop, negative if the crop is larger; halves are rounded to even.
constexpr int center_offset(int size, int crop) {
  if (size < crop) return -((crop - size) / 2);
  const int half = (size - crop) / 2;
  return half + ((size - crop) % 2 == 1 && half % 2 == 1 ? 1 : 0);
}

/// A number from low (included) to high. The same bits give the same number on every platform.
template <RandomBits64 Generator>
double uniform(Generator& generator, double low, double high) {
  return low + rounded_product(high - low, static_cast<double>(generator() >> 11) * 0x1p-53);
}

/// A number from 0 to count - 1.
template <RandomBits64 Generator>
int uniform_below(Generator& generator, int count) {
  return std::min(static_cast<int>(uniform(generator, 0, count)), count - 1);
}

/// Throws: Error if the sizes are not positive.
inline void check_sizes(int resize, int crop) {
  if (resize < 1 || crop < 1)
    throw Error(format_text("a transform cannot resize to {} and crop to {}", resize, crop));
}

}  // namespace frostline::detail

namespace frostline {

/// Resizes the shorter side to `resize`, cuts a centred square of `crop`, scales it to 0 ... 1 and
/// normalises it: the same floats as torchvision's Resize, CenterCrop, ToTensor, Normalize on PIL
/// images. An image that is smaller than the crop is padded with zeros before it is normalised.
/// Shapes: image HWC -> out 3 x crop x crop; assigns.
/// Throws: Error if a size is not positive, the normalisation makes no sense, or out has another
/// size.
/// Source: https://pytorch.org/vision/stable/transforms.html
struct EvaluationTransform {
  int resize = 256;
  int crop = 224;
  detail::Normalization normalization = {};

  void operator()(const Image& image, std::span<float> out) const {
    detail::check_image(image);
    detail::check_sizes(resize, crop);
    const int shorter = std::min(image.width, image.height);
    const Image resized =
        frostline::resize(image, detail::scaled_side(image.width, shorter, resize),
                          detail::scaled_side(image.height, shorter, resize));
    detail::write_square(resized, detail::center_offset(resized.width, crop),
                         detail::center_offset(resized.height, crop), crop, false, normalization,
                         out);
  }

  /// The labels of the same square of the image's mask: those of the nearest pixels; `outside`
  /// where the square exceeds the mask.
  /// Shapes: mask HW -> out crop x crop; assigns.
  void operator()(const LabelMask& mask, std::span<int> out, int outside = 255) const {
    detail::check_mask(mask);
    detail::check_sizes(resize, crop);
    const int shorter = std::min(mask.width, mask.height);
    const LabelMask resized = resize_nearest(mask, detail::scaled_side(mask.width, shorter, resize),
                                             detail::scaled_side(mask.height, shorter, resize));
    detail::write_labels(resized, detail::center_offset(resized.width, crop),
                         detail::center_offset(resized.height, crop), crop, false, outside, out);
  }

  /// The same for an image and its mask, whose sizes are compared first.
  /// Shapes: image HWC -> out 3 x crop x crop, mask HW -> labels crop x crop; assigns.
  /// Throws: Error as above, and if the image and the mask differ in size.
  void operator()(const Image& image, const LabelMask& mask, std::span<float> out,
                  std::span<int> labels, int outside = 255) const {
    detail::check_pair(image, mask);
    detail::check_normalization(normalization);
    detail::check_room(crop, out);
    (*this)(mask, labels, outside);
    (*this)(image, out);
  }
};

/// Resizes a random region to a square of `crop`, mirrors it in half of the cases and normalises
/// it: torchvision's RandomResizedCrop, RandomHorizontalFlip, ToTensor, Normalize on PIL images.
/// A seed gives the same results on every platform (except for the last bit of its exp and log),
/// but not those that PyTorch draws from it.
/// Units: scales are fractions of the image's area, ratios are width / height.
/// Source: https://pytorch.org/vision/stable/transforms.html
struct TrainingTransform {
  int crop = 224;
  double min_scale = 0.08;
  double max_scale = 1.0;
  double min_ratio = 3.0 / 4.0;
  double max_ratio = 4.0 / 3.0;
  bool flip = true;
  detail::Normalization normalization = {};

  /// A region of random area, aspect ratio (uniform in its logarithm) and place; after ten that do
  /// not fit, the largest one in the centre whose ratio is allowed.
  /// Throws: Error if the image is empty, or the scales or ratios make no sense.
  template <detail::RandomBits64 Generator>
  detail::Region region(int width, int height, Generator& generator) const {
    check(width, height);
    const double area = static_cast<double>(width) * height;
    for (int attempt = 0; attempt < 10; ++attempt) {
      const double target = area * detail::uniform(generator, min_scale, max_scale);
      const double ratio =
          std::exp(detail::uniform(generator, std::log(min_ratio), std::log(max_ratio)));
      const double wide = std::nearbyint(std::sqrt(target * ratio));
      const double high = std::nearbyint(std::sqrt(target / ratio));
      if (wide < 1 || wide > width || high < 1 || high > height) continue;
      const int region_width = static_cast<int>(wide);
      const int region_height = static_cast<int>(high);
      const int top = detail::uniform_below(generator, height - region_height + 1);
      const int left = detail::uniform_below(generator, width - region_width + 1);
      return {left, top, region_width, region_height};
    }
    const double ratio = static_cast<double>(width) / height;
    int region_width = width;
    int region_height = height;
    if (ratio < min_ratio)
      region_height = std::max(1, static_cast<int>(std::nearbyint(width / min_ratio)));
    if (ratio > max_ratio)
      region_width = std::max(1, static_cast<int>(std::nearbyint(height * max_ratio)));
    return {(width - region_width) / 2, (height - region_height) / 2, region_width, region_height};
  }

  /// Transforms one region.
  /// Shapes: image HWC -> out 3 x crop x crop; assigns.
  /// Throws: Error if the region is not inside the image, or out has another size.
  void write(const Image& image, const detail::Region& region, bool mirrored,
             std::span<float> out) const {
    detail::check_sizes(crop, crop);
    const Image square = frostline::resize(frostline::detail::crop(image, region), crop, crop);
    detail::write_square(square, 0, 0, crop, mirrored, normalization, out);
  }

  /// The labels of the same region: those of the nearest pixels.
  /// Shapes: mask HW -> out crop x crop; assigns.
  /// Throws: Error if the region is not inside the mask, or out has another size.
  void write(const LabelMask& mask, const detail::Region& region, bool mirrored,
             std::span<int> out) const {
    detail::check_sizes(crop, crop);
    const LabelMask square = resize_nearest(frostline::detail::crop(mask, region), crop, crop);
    detail::write_labels(square, 0, 0, crop, mirrored, 0, out);
  }

  /// Draws the region and then, if `flip`, whether to mirror.
  /// Shapes: image HWC -> out 3 x crop x crop; assigns.
  /// Throws: Error if a size is not positive, a setting makes no sense, or out has another size.
  template <detail::RandomBits64 Generator>
  void operator()(const Image& image, std::span<float> out, Generator& generator) const {
    detail::check_image(image);
    const detail::Region chosen = region(image.width, image.height, generator);
    const bool mirrored = flip && (generator() >> 63) != 0;
    write(image, chosen, mirrored, out);
  }

  /// The same for an image and its mask, which get the same region and mirroring.
  /// Shapes: image HWC -> out 3 x crop x crop, mask HW -> labels crop x crop; assigns.
  /// Throws: Error as above, and if the image and the mask differ in size.
  template <detail::RandomBits64 Generator>
  void operator()(const Image& image, const LabelMask& mask, std::span<float> out,
                  std::span<int> labels, Generator& generator) const {
    detail::check_pair(image, mask);
    detail::check_normalization(normalization);
    detail::check_room(crop, out);
    detail::check_room(crop, labels);
    const detail::Region chosen = region(image.width, image.height, generator);
    const bool mirrored = flip && (generator() >> 63) != 0;
    write(image, chosen, mirrored, out);
    write(mask, chosen, mirrored, labels);
  }

 private:
  void check(int width, int height) const {
    if (width < 1 || height < 1)
      throw Error(detail::format_text("an image of {}x{} pixels has no region", width, height));
    if (!(min_scale > 0 && min_scale <= 1 && min_scale <= max_scale && std::isfinite(max_scale)))
      throw Error(
          detail::format_text("a TrainingTransform requires 0 < min_scale <= 1 and min_scale <= "
                              "max_scale, not {} and {}",
                              min_scale, max_scale));
    if (!(min_ratio > 0 && min_ratio <= max_ratio && std::isfinite(max_ratio)))
      throw Error(
          detail::format_text("a TrainingTransform requires 0 < min_ratio <= max_ratio, not {} and "
                              "{}",
                              min_ratio, max_ratio));
  }
};

}  // namespace frostline
