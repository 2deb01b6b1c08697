// SPDX-License-Identifier: MIT
// Converts the texts of a pickle's protocol 0, which have escapes, to UTF-8.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace frostline::detail {

inline void append_utf8(std::string& text, std::uint32_t point) {
  if (point < 0x80) {
    text += static_cast<char>(point);
    return;
  }
  const std::uint32_t more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;  // bytes that follow
  for (std::uint32_t left = more + 1; left-- > 0;) {
    const std::uint32_t bits = point >> 6 * left;
    text += static_cast<char>(left == more ? 0xf00u >> (more + 1) | bits : 0x80u | (bits & 0x3fu));
  }
}

/// The hexadecimal number that begins at `first`, or nullopt if digits are missing.
inline std::optional<std::uint32_t> hexadecimal(std::string_view text, std::size_t first,
                                                std::size_t digits) {
  if (first > text.size() || digits > text.size() - first) return std::nullopt;
  std::uint32_t number = 0;
  const char* const end = text.data() + first + digits;
  const auto [stop, error] = std::from_chars(text.data() + first, end, number, 16);
  if (stop != end || error != std::errc{}) return std::nullopt;
  return number;
}

/// A Python text in the encoding raw-unicode-escape: Latin-1, and \u and \U for other characters.
/// nullopt if an escape is damaged.
inline std::optional<std::string> from_raw_unicode(std::string_view line) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool escape = line[i] == '\\' && i + 1 < line.size();
    const std::size_t digits = !escape ? 0 : line[i + 1] == 'u' ? 4 : line[i + 1] == 'U' ? 8 : 0;
    const auto point = digits > 0
                           ? hexadecimal(line, i + 2, digits)
                           : std::optional<std::uint32_t>(static_cast<unsigned char>(line[i]));
    if (!point || *point > 0x10ffff) return std::nullopt;
    append_utf8(text, *point);
    if (digits > 0) i += 1 + digits;
  }
  return text;
}

/// The bytes of a Python 2 string as repr writes it, with quotes; nullopt if it is damaged.
inline std::optional<std::string> from_repr(std::string_view line) {
  if (line.size() < 2 || line.front() != line.back() ||
      (line.front() != '\'' && line.front() != '"'))
    return std::nullopt;
  line = line.substr(1, line.size() - 2);
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      text += line[i];
      continue;
    }
    if (++i == line.size()) return std::nullopt;
    constexpr std::string_view letters = "\\'\"nrt", meanings = "\\'\"\n\r\t";
    if (const std::size_t k = letters.find(line[i]); k != std::string_view::npos) {
      text += meanings[k];
    } else if (const auto byte = hexadecimal(line, i + 1, 2); line[i] == 'x' && byte) {
      text += static_cast<char>(*byte);
      i += 2;
    } else {
      return std::nullopt;
    }
  }
  return text;
}

}  // namespace frostline::detail
