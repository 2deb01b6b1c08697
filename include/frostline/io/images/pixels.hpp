// SPDX-License-Identifier: MIT
// The image type, the checks of its size, and memory for pixels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/core/memory_room.hpp"

namespace frostline {

/// An RGB image with eight bits per channel.
/// Shapes: pixels is height x width x 3, rows from top to bottom, channels interleaved.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels;

  friend bool operator==(const Image&, const Image&) = default;
};

}  // namespace frostline

namespace frostline::detail {

[[noreturn]] inline void fail_image(std::string_view name, std::string_view reason) {
  throw Error(format_text("cannot read the image '{}': {}", name, reason));
}

/// Throws: Error unless the image has a pixel and no more than `most_pixels`.
inline void check_size(std::uint64_t width, std::uint64_t height, std::uint64_t most_pixels,
                       std::string_view name) {
  if (width == 0 || height == 0 || width > most_pixels || height > most_pixels / width)
    fail_image(name, format_text("its size is {}x{}, and an image may have 1 to {} pixels "
                                 "(DecodeOptions::most_pixels)",
                                 width, height, most_pixels));
}

/// Memory filled with zeros. Throws: Error, which says what needs how many bytes and how many are
/// available, if there is too little memory, before any of it is used.
template <class Value = std::uint8_t>
std::vector<Value> allocate(std::uint64_t count, std::string_view what) {
  constexpr std::string_view advice = "a smaller one needs less";
  constexpr std::uint64_t most = std::numeric_limits<std::size_t>::max();
  const auto bytes =
      static_cast<std::size_t>(count > most / sizeof(Value) ? most : count * sizeof(Value));
  require_memory(what, bytes, advice);
  try {
    return std::vector<Value>(static_cast<std::size_t>(count));
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {
  }
  throw not_enough_memory(what, bytes, advice);
}

/// A description for messages of `allocate`.
inline std::string picture_text(std::string_view name, std::uint64_t width, std::uint64_t height) {
  return format_text("the image '{}' of {}x{} pixels", name, width, height);
}

/// A black image of a size that has been checked. Throws: as allocate.
inline Image allocate_image(std::uint64_t width, std::uint64_t height, std::string_view what) {
  return Image{static_cast<int>(width), static_cast<int>(height),
               allocate(width * height * 3, what)};
}

/// Throws: Error if the image's size and its pixels disagree.
inline void check_image(const Image& image) {
  const bool sized = image.width > 0 && image.height > 0;
  if (!sized ||
      image.pixels.size() / 3 / static_cast<std::size_t>(image.width) !=
          static_cast<std::size_t>(image.height) ||
      image.pixels.size() % 3 != 0)
    throw Error(format_text("an image of {}x{} pixels has {} bytes, not 3 per pixel", image.width,
                            image.height, image.pixels.size()));
}

}  // namespace frostline::detail
