// SPDX-License-Identifier: MIT
// The image type, and the checks of its size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"

namespace frostline {

/// An RGB image of eight bits a channel.
/// Shapes: pixels is height x width x 3, rows from top to bottom, channels interleaved.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels;

  friend bool operator==(const Image&, const Image&) = default;
};

namespace detail {

inline constexpr std::uint64_t most_pixels = std::uint64_t{1} << 28;

[[noreturn]] inline void fail_image(std::string_view name, std::string_view reason) {
  throw Error(format_text("cannot read the image '{}': {}", name, reason));
}

/// Throws: Error unless it is a size that a photograph may have.
inline void check_size(std::uint64_t width, std::uint64_t height, std::string_view name) {
  if (width == 0 || height == 0 || width > most_pixels || height > most_pixels / width)
    fail_image(name, format_text("its size is {}x{}, and an image may have 1 to {} pixels", width,
                                 height, most_pixels));
}
/// A black image. Throws: as check_size.
inline Image allocate_image(std::uint64_t width, std::uint64_t height, std::string_view name) {
  check_size(width, height, name);
  return Image{static_cast<int>(width), static_cast<int>(height),
               std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * 3))};
}

/// Throws: Error if the image's size and its pixels disagree.
inline void check_image(const Image& image) {
  const bool sized = image.width > 0 && image.height > 0;
  if (!sized ||
      image.pixels.size() / 3 / static_cast<std::size_t>(image.width) !=
          static_cast<std::size_t>(image.height) ||
      image.pixels.size() % 3 != 0)
    throw Error(format_text("an image of {}x{} pixels holds {} bytes, not 3 a pixel", image.width,
                            image.height, image.pixels.size()));
}

}  // namespace detail

}  // namespace frostline
