// SPDX-License-Identifier: MIT
// The bodies of io/images/image.hpp.
#pragma once

#include <png.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "frostline/core/body.hpp"
#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/files/file_in_progress.hpp"
#include "frostline/io/images/decode_options.hpp"
#include "frostline/io/images/image.hpp"
#include "frostline/io/images/image_file.hpp"
#include "frostline/io/images/jpeg.hpp"
#include "frostline/io/images/other_format.hpp"
#include "frostline/io/images/pixels.hpp"
#include "frostline/io/images/png.hpp"

namespace frostline {

FROSTLINE_BODY Image decode_image(std::span<const std::byte> bytes, std::string_view name,
                                  const DecodeOptions& options) {
  const std::span data{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  if (data.empty()) detail::fail_image(name, "the file is empty");
  if (detail::is_jpeg(data)) return detail::decode_jpeg(data, name, options);
  if (detail::is_png(data)) return detail::decode_png(data, name, options);
  detail::fail_image(
      name, detail::reason_of_format(data, "it is neither a JPEG nor a PNG", "JPEG or PNG"));
}

FROSTLINE_BODY Image read_image(const std::filesystem::path& path, const DecodeOptions& options) {
  return decode_image(detail::read_image_file(path), path.string(), options);
}

FROSTLINE_BODY std::vector<std::byte> encode_png(const Image& image) {
  detail::check_image(image);
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(image.width);
  header.height = static_cast<png_uint_32>(image.height);
  header.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  auto bytes = detail::allocate<std::byte>(
      size, detail::format_text("a PNG of {}x{} pixels", image.width, image.height));
  if (!png_image_write_to_memory(&header, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr))
    throw Error(detail::format_text("cannot write a PNG of {}x{} pixels: {}", image.width,
                                    image.height, header.message));
  bytes.resize(size);
  return bytes;
}

FROSTLINE_BODY void write_png(const std::filesystem::path& path, const Image& image) {
  const std::vector<std::byte> bytes = encode_png(image);
  FileInProgress file(path);
  file.write(bytes.data(), bytes.size());
  file.finish();
}

}  // namespace frostline
