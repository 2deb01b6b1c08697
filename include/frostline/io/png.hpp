// SPDX-License-Identifier: MIT
// Decoding of PNG with libpng, to Pillow's pixels.
#pragma once

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "frostline/io/pixels.hpp"

namespace frostline::detail {

struct PngReader {
  std::span<const std::uint8_t> rest;
  png_structp png = nullptr;
  png_infop info = nullptr;
  int depth = 0;
  char reason[128] = "libpng cannot start";

  explicit PngReader(std::span<const std::uint8_t> bytes) : rest(bytes) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, stop, [](png_structp, auto) {});
    if (png) info = png_create_info_struct(png);
  }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }

  static void stop(png_structp png, png_const_charp message) {
    auto& reader = *static_cast<PngReader*>(png_get_error_ptr(png));
    std::snprintf(reader.reason, sizeof reader.reason, "%s", message);
    png_longjmp(png, 1);
  }

  static void copy(png_structp png, png_bytep out, std::size_t count) {
    auto& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > reader.rest.size()) png_error(png, "the file is truncated");
    std::memcpy(out, reader.rest.data(), count);
    reader.rest = reader.rest.subspan(count);
  }
};

// In these two functions libpng's errors jump: nothing in them may have a destructor.
inline bool read_png_header(PngReader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_set_user_limits(reader.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_read_fn(reader.png, &reader, PngReader::copy);
  png_read_info(reader.png, reader.info);
  reader.depth = png_get_bit_depth(reader.png, reader.info);
  png_set_packing(reader.png);
  png_set_interlace_handling(reader.png);
  return true;
}
inline bool read_png_rows(PngReader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_read_update_info(reader.png, reader.info);
  png_read_image(reader.png, rows);
  return true;
}

inline Image decode_png(std::span<const std::uint8_t> bytes, std::string_view name) {
  PngReader reader(bytes);
  if (!reader.info || !read_png_header(reader)) fail_image(name, reader.reason);
  const std::size_t packed_row = png_get_rowbytes(reader.png, reader.info);
  const std::size_t height = png_get_image_height(reader.png, reader.info);
  const std::size_t width = png_get_image_width(reader.png, reader.info);
  Image image;
  constexpr std::size_t most_inflated = 1032;  // bytes that one byte of deflate can stand for
  if (width <= most_pixels / height && packed_row * height / most_inflated > bytes.size())
    fail_image(name, "the file is truncated");
  image = allocate_image(width, height, name);

  const std::size_t channels = png_get_channels(reader.png, reader.info);
  const std::size_t sample = reader.depth == 16 ? 2 : 1;
  std::vector<std::uint8_t> samples(width * height * channels * sample);
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = &samples[y * width * channels * sample];
  if (!read_png_rows(reader, rows.data())) fail_image(name, reader.reason);

  png_colorp palette = nullptr;
  int colors = 0;
  png_get_PLTE(reader.png, reader.info, &palette, &colors);
  const bool indexed = png_get_color_type(reader.png, reader.info) == PNG_COLOR_TYPE_PALETTE;
  const int grey_step = reader.depth < 8 ? 255 / ((1 << reader.depth) - 1) : 1;
  for (std::size_t pixel = 0; pixel < width * height; ++pixel) {
    const std::uint8_t* in = &samples[pixel * channels * sample];
    std::uint8_t* out = &image.pixels[pixel * 3];
    if (indexed) {
      const png_color color = in[0] < colors ? palette[in[0]] : png_color{0, 0, 0};
      out[0] = color.red;
      out[1] = color.green;
      out[2] = color.blue;
    } else if (channels >= 3) {
      for (std::size_t channel = 0; channel < 3; ++channel) out[channel] = in[channel * sample];
    } else {
      int grey = in[0] * grey_step;
      if (channels == 1 && sample == 2) grey = in[0] > 0 ? 255 : in[1];
      std::fill_n(out, 3, static_cast<std::uint8_t>(grey));
    }
  }
  return image;
}

}  // namespace frostline::detail
