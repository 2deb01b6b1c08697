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
#include "frostline/io/files/file_in_progress.hpp"
#include "frostline/io/images/decode_options.hpp"
#include "frostline/io/images/jpeg.hpp"
#include "frostline/io/images/other_format.hpp"
#include "frostline/io/images/pixels.hpp"
#include "frostline/io/images/png.hpp"

namespace frostline {

namespace detail {

/// Throws: Error, which names the file, if it is missing, no regular file or unreadable.
inline std::vector<std::byte> read_image_file(const std::filesystem::path& path) {
  const std::string name = path.string();
  std::error_code problem;
  const auto status = std::filesystem::status(path, problem);
  if (std::filesystem::is_directory(status)) fail_image(name, "it is a directory");
  if (!std::filesystem::exists(status))
    fail_image(name,
               problem.value() == ENOENT || !problem ? "there is no such file" : problem.message());
  if (!std::filesystem::is_regular_file(status)) fail_image(name, "it is not a regular file");
  const std::uintmax_t size = std::filesystem::file_size(path, problem);
  if (problem) fail_image(name, problem.message());
  std::ifstream file(path, std::ios::binary);
  if (!file) fail_image(name, std::strerror(errno));
  auto bytes = allocate<std::byte>(size, format_text("the file '{}'", name));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!file) fail_image(name, "reading stopped before the file's end");
  return bytes;
}

inline bool starts_with(std::span<const std::uint8_t> data,
                        std::span<const std::uint8_t> signature) {
  return data.size() >= signature.size() &&
         std::equal(signature.begin(), signature.end(), data.begin());
}
inline bool is_jpeg(std::span<const std::uint8_t> data) {
  constexpr std::uint8_t signature[] = {0xff, 0xd8, 0xff};
  return starts_with(data, signature);
}
inline bool is_png(std::span<const std::uint8_t> data) {
  constexpr std::uint8_t signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  return starts_with(data, signature);
}

}  // namespace detail

/// The image in a JPEG's or a PNG's bytes, told apart by content; `name` is for messages.
/// Pixels are those of Pillow's `Image.open(f).convert("RGB")`: alpha is dropped, a grey PNG of 16
/// bits clipped at 255 (by Pillow 9.4, 10.4 and 13.0 alike). A palette index without a colour is
/// black, as from Pillow 10 (9.4 repeats the index as grey).
/// The EXIF orientation is ignored, as torchvision ignores it, so that photos of a phone may lie on
/// their side; with `Orientation::upright` the result is that of Pillow's ImageOps.exif_transpose,
/// for EXIF data in a JPEG or in a PNG's eXIf chunk. (Orientation in XMP alone is not read.)
/// A JPEG that lacks no more than its end marker is whole; zeros may stand in the marker's place.
/// Throws: Error for what is neither, is truncated or damaged, has more pixels than the options
/// allow or takes more memory than there is.
inline Image decode_image(std::span<const std::byte> bytes, std::string_view name,
                          const DecodeOptions& options = {}) {
  const std::span data{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  if (data.empty()) detail::fail_image(name, "the file is empty");
  if (detail::is_jpeg(data)) return detail::decode_jpeg(data, name, options);
  if (detail::is_png(data)) return detail::decode_png(data, name, options);
  detail::fail_image(
      name, detail::reason_of_format(data, "it is neither a JPEG nor a PNG", "JPEG or PNG"));
}

/// The image in a JPEG or PNG file; see decode_image.
/// Throws: Error, which names the file, also if it is missing, a directory or unreadable.
inline Image read_image(const std::filesystem::path& path, const DecodeOptions& options = {}) {
  return decode_image(detail::read_image_file(path), path.string(), options);
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
  auto bytes = detail::allocate<std::byte>(
      size, format_text("a PNG of {}x{} pixels", image.width, image.height));
  if (!png_image_write_to_memory(&header, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr))
    throw Error(format_text("cannot write a PNG of {}x{} pixels: {}", image.width, image.height,
                            header.message));
  bytes.resize(size);
  return bytes;
}

/// Writes the image as a PNG file, which takes its name only when it is complete.
/// Throws: Error, which names the file, if it cannot be written; see encode_png.
inline void write_png(const std::filesystem::path& path, const Image& image) {
  const std::vector<std::byte> bytes = encode_png(image);
  detail::FileInProgress file(path);
  file.write(bytes.data(), bytes.size());
  file.finish();
}

}  // namespace frostline
