// SPDX-License-Identifier: MIT
// Images in memory: read from JPEG and PNG files with Pillow's pixels, written as PNG.
#pragma once

#include <png.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/jpeg.hpp"
#include "frostline/io/pixels.hpp"
#include "frostline/io/png.hpp"

namespace frostline {

/// The image in a JPEG's or a PNG's bytes, told apart by content; `name` is for messages.
/// Pixels are those of Pillow's `Image.open(f).convert("RGB")`: alpha is dropped, the EXIF
/// orientation ignored, a grey PNG of 16 bits clipped at 255 (by Pillow 9.4, 10.4 and 13.0 alike).
/// A palette index without a colour is black, as from Pillow 10 (9.4 repeats the index as grey).
/// Throws: Error for what is neither, is truncated or damaged, or has more than 2^28 pixels.
inline Image decode_image(std::span<const std::byte> bytes, std::string_view name) {
  constexpr std::uint8_t png_signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  constexpr std::uint8_t jpeg_signature[] = {0xff, 0xd8, 0xff};
  const std::span data{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  const auto starts_with = [&](std::span<const std::uint8_t> signature) {
    return data.size() >= signature.size() &&
           std::equal(signature.begin(), signature.end(), data.begin());
  };
  if (data.empty()) detail::fail_image(name, "the file is empty");
  if (starts_with(jpeg_signature)) return detail::decode_jpeg(data, name);
  if (starts_with(png_signature)) return detail::decode_png(data, name);
  detail::fail_image(name, "it is neither a JPEG nor a PNG");
}

/// The image in a JPEG or PNG file; see decode_image.
/// Throws: Error, which names the file, also if it is missing, a directory or unreadable.
inline Image read_image(const std::filesystem::path& path) {
  const std::string name = path.string();
  std::error_code problem;
  const auto status = std::filesystem::status(path, problem);
  if (std::filesystem::is_directory(status)) detail::fail_image(name, "it is a directory");
  if (!std::filesystem::exists(status)) detail::fail_image(name, "there is no such file");
  const std::uintmax_t size = std::filesystem::file_size(path, problem);
  if (problem) detail::fail_image(name, problem.message());
  std::ifstream file(path, std::ios::binary);
  if (!file) detail::fail_image(name, std::strerror(errno));
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!file) detail::fail_image(name, "reading stopped before the file's end");
  return decode_image(bytes, name);
}

/// The bytes of a PNG file, RGB of eight bits a channel.
/// Throws: Error if the image is empty or its size and pixels disagree.
inline std::vector<std::byte> encode_png(const Image& image) {
  detail::check_image(image);
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(image.width);
  header.height = static_cast<png_uint_32>(image.height);
  header.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::vector<std::byte> bytes(size);
  if (!png_image_write_to_memory(&header, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr))
    throw Error(format_text("cannot write a PNG of {}x{} pixels: {}", image.width, image.height,
                            header.message));
  bytes.resize(size);
  return bytes;
}

/// Writes the image as a PNG file.
/// Throws: Error, which names the file, if it cannot be written; see encode_png.
inline void write_png(const std::filesystem::path& path, const Image& image) {
  const std::vector<std::byte> bytes = encode_png(image);
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file)
    throw Error(
        format_text("cannot write the image '{}': {}", path.string(), std::strerror(errno)));
}

}  // namespace frostline
