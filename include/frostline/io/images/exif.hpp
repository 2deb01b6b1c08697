// SPDX-License-Identifier: MIT
// The orientation in a picture's EXIF data, and pixels turned by it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "frostline/io/images/pixels.hpp"

namespace frostline::detail {

/// The orientation in EXIF data, 1 to 8; 1 (as stored) if there is none or the data are damaged, as
/// in Pillow. Reads only one tag of the first directory.
/// Source: TIFF 6.0, section 2, and EXIF 2.3, tag 0x0112.
inline int exif_orientation(std::span<const std::uint8_t> tiff) {
  const bool little = tiff.size() > 1 && tiff[0] == 'I' && tiff[1] == 'I';
  const bool big = tiff.size() > 1 && tiff[0] == 'M' && tiff[1] == 'M';
  const auto number = [&](std::size_t at, std::size_t size) {
    std::size_t value = 0;
    if (size > tiff.size() || at > tiff.size() - size) return value;
    for (std::size_t i = 0; i < size; ++i)
      value = value << 8 | tiff[at + (little ? size - 1 - i : i)];
    return value;
  };
  constexpr std::size_t magic = 42, orientation = 0x0112, short_type = 3, long_type = 4;
  if ((!little && !big) || number(2, 2) != magic) return 1;
  const std::size_t directory = number(4, 4), entries = number(directory, 2);
  std::size_t value = 1;
  for (std::size_t entry = 0; entry < entries; ++entry) {
    const std::size_t at = directory + 2 + 12 * entry;
    if (at + 12 > tiff.size()) break;
    if (number(at, 2) != orientation) continue;
    const std::size_t type = number(at + 2, 2), count = number(at + 4, 4);
    // The value is in the entry itself; of two shorts Pillow takes the first.
    if (type == short_type && (count == 1 || count == 2)) value = number(at + 8, 2);
    if (type == long_type && count == 1) value = number(at + 8, 4);
  }
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

/// Turns pixels of an orientation upright; width and height become those of the result.
/// Shapes: pixels is height x width x channels.
/// Throws: Error if there is too little memory for a second picture.
inline std::vector<std::uint8_t> turn_upright(std::vector<std::uint8_t> pixels, int& width,
                                              int& height, std::size_t channels, int orientation,
                                              std::string_view name) {
  if (orientation == 1) return pixels;
  const bool swaps = orientation >= 5;
  const bool mirrors_x = orientation == 2 || orientation == 3 || orientation >= 7;
  const bool mirrors_y =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const auto source_width = static_cast<std::size_t>(width);
  const auto source_height = static_cast<std::size_t>(height);
  if (swaps) std::swap(width, height);
  std::vector<std::uint8_t> turned =
      allocate(pixels.size(), format_text("turning the image '{}'", name));
  std::uint8_t* out = turned.data();
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y)
    for (std::size_t x = 0; x < static_cast<std::size_t>(width); ++x, out += channels) {
      const std::size_t column = swaps ? y : x;
      const std::size_t row = swaps ? x : y;
      const std::size_t from_x = mirrors_x ? source_width - 1 - column : column;
      const std::size_t from_y = mirrors_y ? source_height - 1 - row : row;
      std::copy_n(&pixels[(from_y * source_width + from_x) * channels], channels, out);
    }
  return turned;
}

}  // namespace frostline::detail
