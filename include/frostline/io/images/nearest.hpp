// SPDX-License-Identifier: MIT
// resize_nearest: resizing by the nearest pixel, for label masks; the same bytes as Pillow's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/images/label_mask.hpp"
#include "frostline/io/images/pixels.hpp"
#include "frostline/io/images/resize.hpp"

namespace frostline::detail {

/// The source coordinate of each output. The steps are added up, with a rounding at each, as in
/// Pillow.
inline std::vector<std::size_t> nearest_coordinates(int source, float begin, float end,
                                                    int outputs) {
  auto coordinates =
      allocate<std::size_t>(static_cast<std::uint64_t>(outputs), "resizing an image");
  const double step = static_cast<double>(end - begin) / outputs;
  double center = begin + step * 0.5;
  for (std::size_t& coordinate : coordinates) {
    coordinate = static_cast<std::size_t>(std::min(static_cast<int>(center), source - 1));
    center += step;
  }
  return coordinates;
}

/// Shapes: in is source_height x source_width x channels -> out height x width x channels.
inline std::vector<std::uint8_t> resize_nearest(const std::vector<std::uint8_t>& in,
                                                int source_width, int source_height,
                                                std::size_t channels, int width, int height,
                                                const Box& box) {
  check_resize(source_width, source_height, width, height, box);
  const auto columns = nearest_coordinates(source_width, box.left, box.right, width);
  const auto rows = nearest_coordinates(source_height, box.top, box.bottom, height);
  auto out = allocate(columns.size() * rows.size() * channels, "resizing an image");
  auto* to = out.data();
  for (const std::size_t row : rows)
    for (const std::size_t column : columns)
      to = std::copy_n(&in[(row * static_cast<std::size_t>(source_width) + column) * channels],
                       channels, to);
  return out;
}

inline Box whole(int width, int height) {
  return {0, 0, static_cast<float>(width), static_cast<float>(height)};
}

/// The part of the mask inside the region.
/// Throws: Error if the region is empty or reaches outside the mask.
inline LabelMask crop(const LabelMask& mask, const Region& region) {
  check_mask(mask);
  return {region.width, region.height, crop(mask.labels, mask.width, mask.height, 1, region)};
}

}  // namespace frostline::detail

namespace frostline {

/// The part of the mask inside the box, each label that of the nearest pixel: the numbers of
/// Pillow's `mask.resize((width, height), Image.NEAREST, box)`.
/// Throws: Error as resize.
inline LabelMask resize_nearest(const LabelMask& mask, int width, int height,
                                const detail::Box& box) {
  detail::check_mask(mask);
  return {width, height,
          detail::resize_nearest(mask.labels, mask.width, mask.height, 1, width, height, box)};
}
/// The whole mask; as above.
inline LabelMask resize_nearest(const LabelMask& mask, int width, int height) {
  return resize_nearest(mask, width, height, detail::whole(mask.width, mask.height));
}

/// The part of the image inside the box, each pixel the nearest: the bytes of Pillow's
/// `image.resize((width, height), Image.NEAREST, box)`.
/// Throws: Error as resize.
inline Image resize_nearest(const Image& image, int width, int height, const detail::Box& box) {
  detail::check_image(image);
  return {width, height,
          detail::resize_nearest(image.pixels, image.width, image.height, 3, width, height, box)};
}
/// The whole image; as above.
inline Image resize_nearest(const Image& image, int width, int height) {
  return resize_nearest(image, width, height, detail::whole(image.width, image.height));
}

}  // namespace frostline
