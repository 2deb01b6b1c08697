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
#include <utility>
#include <vector>

#include "frostline/io/images/decode_options.hpp"
#include "frostline/io/images/exif.hpp"
#include "frostline/io/images/pixels.hpp"

namespace frostline::detail {

struct PngReader {
  std::span<const std::uint8_t> rest;
  png_structp png = nullptr;
  png_infop info = nullptr;
  int depth = 0;
  int passes = 1;
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

// libpng's errors leave these functions with longjmp, so no local may have a destructor.
inline bool read_png_header(PngReader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_set_user_limits(reader.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_read_fn(reader.png, &reader, PngReader::copy);
  png_read_info(reader.png, reader.info);
  reader.depth = png_get_bit_depth(reader.png, reader.info);
  png_set_packing(reader.png);
  reader.passes = png_set_interlace_handling(reader.png);
  return true;
}
inline bool start_png_rows(PngReader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_read_update_info(reader.png, reader.info);
  return true;
}
inline bool read_png_row(PngReader& reader, png_bytep row) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_read_row(reader.png, row, nullptr);
  return true;
}
inline bool read_png_end(PngReader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_read_end(reader.png, reader.info);
  return true;
}

/// A PNG whose size has been checked, before its pixels are read.
class Png {
 public:
  /// Throws: Error if libpng refuses the data, or there are more pixels than the options allow or
  /// than the bytes can encode.
  Png(std::span<const std::uint8_t> bytes, std::string_view name, const DecodeOptions& options)
      : name_(name), reader_(bytes) {
    if (!reader_.info || !read_png_header(reader_)) fail_image(name, reader_.reason);
    width = png_get_image_width(reader_.png, reader_.info);
    height = png_get_image_height(reader_.png, reader_.info);
    const std::size_t packed_row = png_get_rowbytes(reader_.png, reader_.info);
    constexpr std::size_t most_inflated = 1032;  // the most bytes that one byte of deflate encodes
    if (width <= options.most_pixels / height && packed_row * height / most_inflated > bytes.size())
      fail_image(name, "the file is truncated");
    check_size(width, height, options.most_pixels, name);
    depth = reader_.depth;
    channels = png_get_channels(reader_.png, reader_.info);
    indexed = png_get_color_type(reader_.png, reader_.info) == PNG_COLOR_TYPE_PALETTE;
    int count = 0;
    png_colorp colors = nullptr;
    png_get_PLTE(reader_.png, reader_.info, &colors, &count);
    palette = {colors, static_cast<std::size_t>(count)};
  }

  /// Reads all rows and calls take(y, row) once for each, in order. A row is written to room(y), or
  /// to memory of this function if room(y) is nullptr for all rows.
  /// Shapes: row is width x channels samples of one byte, or of two if the depth is 16.
  template <class Room, class Take>
  void read_rows(Room room, Take take) {
    const std::size_t row_size = width * channels * (depth == 16 ? 2 : 1);
    const bool interlaced = reader_.passes > 1;
    const bool has_room = room(0) != nullptr;
    std::size_t rows = interlaced ? height : 1;  // each interlaced pass writes all rows
    if (has_room) rows = 0;
    std::vector<std::uint8_t> own = allocate(rows * row_size, picture_text(name_, width, height));
    const auto row_of = [&](std::size_t y) {
      return has_room ? room(y) : own.data() + (interlaced ? y * row_size : 0);
    };
    if (!start_png_rows(reader_)) fail_image(name_, reader_.reason);
    for (int pass = 0; pass < reader_.passes; ++pass)
      for (std::size_t y = 0; y < height; ++y) {
        if (!read_png_row(reader_, row_of(y))) fail_image(name_, reader_.reason);
        if (!interlaced) take(y, row_of(y));
      }
    for (std::size_t y = 0; interlaced && y < height; ++y) take(y, row_of(y));
  }

  /// The orientation, 1 to 8; must be called after the rows are read. Throws: Error if the file
  /// ends before its end chunk.
  int orientation() {
    if (!read_png_end(reader_)) fail_image(name_, reader_.reason);
    png_uint_32 size = 0;
    png_bytep exif = nullptr;
    png_get_eXIf_1(reader_.png, reader_.info, &size, &exif);
    return exif_orientation({exif, size});
  }

  std::size_t width = 0, height = 0, channels = 0;
  int depth = 0;  // stored bits per sample
  bool indexed = false;
  std::span<const png_color> palette;

 private:
  std::string_view name_;
  PngReader reader_;
};

inline Image decode_png(std::span<const std::uint8_t> bytes, std::string_view name,
                        const DecodeOptions& options) {
  Png png(bytes, name, options);
  Image image = allocate_image(png.width, png.height, picture_text(name, png.width, png.height));
  const bool is_rgb = png.channels == 3 && png.depth == 8;
  const auto out_row = [&](std::size_t y) { return image.pixels.data() + y * png.width * 3; };
  const std::size_t sample = png.depth == 16 ? 2 : 1;
  const int grey_step = png.depth < 8 ? 255 / ((1 << png.depth) - 1) : 1;
  const auto room = [&](std::size_t y) { return is_rgb ? out_row(y) : nullptr; };
  png.read_rows(room, [&](std::size_t y, const std::uint8_t* in) {
    std::uint8_t* out = out_row(y);
    for (std::size_t x = 0; !is_rgb && x < png.width; ++x, in += png.channels * sample, out += 3) {
      if (png.indexed) {
        const png_color color =
            in[0] < png.palette.size() ? png.palette[in[0]] : png_color{0, 0, 0};
        out[0] = color.red;
        out[1] = color.green;
        out[2] = color.blue;
      } else if (png.channels >= 3) {
        for (std::size_t channel = 0; channel < 3; ++channel) out[channel] = in[channel * sample];
      } else {
        int grey = in[0] * grey_step;
        if (png.channels == 1 && sample == 2) grey = in[0] > 0 ? 255 : in[1];
        std::fill_n(out, 3, static_cast<std::uint8_t>(grey));
      }
    }
  });
  if (options.orientation == Orientation::upright)
    image.pixels = turn_upright(std::move(image.pixels), image.width, image.height, 3,
                                png.orientation(), name);
  return image;
}

}  // namespace frostline::detail
