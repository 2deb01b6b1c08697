// SPDX-License-Identifier: MIT
// The bodies of io/images/read_label_mask.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <utility>

#include "frostline/core/body.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/images/decode_options.hpp"
#include "frostline/io/images/exif.hpp"
#include "frostline/io/images/image_file.hpp"
#include "frostline/io/images/label_mask.hpp"
#include "frostline/io/images/other_format.hpp"
#include "frostline/io/images/pixels.hpp"
#include "frostline/io/images/png.hpp"
#include "frostline/io/images/read_label_mask.hpp"

namespace frostline {

FROSTLINE_BODY LabelMask decode_label_mask(std::span<const std::byte> bytes, std::string_view name,
                                           const DecodeOptions& options) {
  const std::span data{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  if (data.empty()) detail::fail_image(name, "the file is empty");
  if (detail::is_jpeg(data))
    detail::fail_image(name,
                       "a JPEG does not store class numbers exactly: save label masks as "
                       "PNG, grey or with a palette");
  if (!detail::is_png(data))
    detail::fail_image(name, detail::reason_of_format(data, "it is not a PNG", "PNG"));
  detail::Png png(data, name, options);
  if (png.channels != 1)
    detail::fail_image(
        name, detail::format_text("a label mask has one number for each pixel, and this PNG "
                                  "has {}: save the class numbers as grey or with a palette",
                                  png.channels == 3 ? "colours" : "alpha"));
  LabelMask mask{
      static_cast<int>(png.width), static_cast<int>(png.height),
      detail::allocate(png.width * png.height, detail::picture_text(name, png.width, png.height))};
  const auto row_of = [&](std::size_t y) { return mask.labels.data() + y * png.width; };
  const bool wide = png.depth == 16;
  png.read_rows([&](std::size_t y) { return wide ? nullptr : row_of(y); },
                [&](std::size_t y, const std::uint8_t* in) {
                  for (std::size_t x = 0; wide && x < png.width; ++x) {
                    if (in[2 * x] != 0)
                      detail::fail_image(
                          name,
                          detail::format_text("the label at ({}, {}) is {}, and labels go to 255",
                                              x, y, in[2 * x] * 256 + in[2 * x + 1]));
                    row_of(y)[x] = in[2 * x + 1];
                  }
                });
  if (options.orientation == Orientation::upright)
    mask.labels = detail::turn_upright(std::move(mask.labels), mask.width, mask.height, 1,
                                       png.orientation(), name);
  return mask;
}

FROSTLINE_BODY LabelMask read_label_mask(const std::filesystem::path& path,
                                         const DecodeOptions& options) {
  return decode_label_mask(detail::read_image_file(path), path.string(), options);
}

}  // namespace frostline
