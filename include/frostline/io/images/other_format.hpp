// SPDX-License-Identifier: MIT
// The format of a file that is neither a JPEG nor a PNG, for messages.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "frostline/core/format.hpp"

namespace frostline::detail {

/// The format of a file with these first bytes, such as "a WebP"; empty if it is not known here.
/// Sources: https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern and, for the brands,
/// https://mp4ra.org/registered-types/brands
inline std::string_view other_format(std::span<const std::uint8_t> data) {
  const std::string_view text(reinterpret_cast<const char*>(data.data()),
                              std::min<std::size_t>(data.size(), 256));
  const auto at = [&](std::size_t from, std::string_view wanted) {
    return text.size() > from && text.substr(from, wanted.size()) == wanted;
  };
  if (at(0, "RIFF") && at(8, "WEBP")) return "a WebP";
  if (at(0, "GIF8")) return "a GIF";
  if (at(0, "BM") && at(6, std::string_view("\0\0\0\0", 4))) return "a BMP";
  if (at(0, std::string_view("II*\0", 4)) || at(0, std::string_view("MM\0*", 4))) return "a TIFF";
  if (at(4, "ftyp")) {
    if (at(8, "avif") || at(8, "avis")) return "an AVIF";
    if (at(8, "mif1") || at(8, "msf1")) return "a HEIF";
    for (const std::string_view brand : {"heic", "heix", "heim", "heis", "hevc", "hevx"})
      if (at(8, brand)) return "a HEIC";
  }
  return "";
}

/// Whether the first letter is '<', after a byte order mark and white space.
inline bool is_markup(std::span<const std::uint8_t> data) {
  std::string_view text(reinterpret_cast<const char*>(data.data()),
                        std::min<std::size_t>(data.size(), 256));
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != text.npos && text[first] == '<';
}

/// The reason why bytes of an unsupported format cannot be read. `lack` is a text such as "it is
/// not a PNG", and `formats` names the formats to which the file can be converted.
inline std::string reason_of_format(std::span<const std::uint8_t> data, std::string_view lack,
                                    std::string_view formats) {
  if (const std::string_view format = other_format(data); !format.empty())
    return format_text("{}: it is {}; convert it to {}", lack, format, formats);
  if (is_markup(data))
    return format_text("{}: it begins with '<', as a web page or an SVG does", lack);
  return std::string(lack);
}

}  // namespace frostline::detail
