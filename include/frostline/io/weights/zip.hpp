// SPDX-License-Identifier: MIT
// Finds the entries of a zip archive.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "frostline/core/format.hpp"
#include "frostline/io/files/unreadable.hpp"

namespace frostline::detail {

struct ZipEntry {
  std::span<const std::byte> stored;  // in the archive
  std::uint64_t size;                 // in bytes, inflated
  std::uint32_t checksum;             // 0 if none was computed
  bool deflated;
  std::unique_ptr<std::byte[]> inflated{};
};
using ZipEntries = std::map<std::string, ZipEntry, std::less<>>;

/// Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (4.3, 4.5.3)
class ZipDirectory {
 public:
  ZipDirectory(std::span<const std::byte> bytes, std::string_view file)
      : text_(reinterpret_cast<const char*>(bytes.data()), bytes.size()), file_(file) {
    find_directory();
  }

  ZipEntries entries() const {
    ZipEntries entries;
    std::uint64_t position = directory_;
    for (std::uint64_t entry = 0; entry < count_; ++entry) {
      const std::string_view header = record(position, 46, "PK\1\2");
      const std::uint64_t name_size = number<std::uint16_t>(header, 28);
      const std::uint64_t extra_size = number<std::uint16_t>(header, 30);
      const std::string_view name = part(position + 46, name_size);
      const std::string_view extra = part(position + 46 + name_size, extra_size);
      position += 46 + name_size + extra_size + number<std::uint16_t>(header, 32);
      if (name.ends_with('/')) continue;
      if (!entries.emplace(name, entry_of(name, header, extra)).second)
        fail(name, "is there twice");
    }
    return entries;
  }

 private:
  // Finds the last end record that agrees with the place of its directory. Other data may follow
  // it, and a tensor may contain bytes that look like an end record.
  void find_directory() {
    constexpr std::size_t end_size = 22;
    for (std::size_t end = text_.size(); end > 0;) {
      end = text_.rfind("PK\5\6", end - 1);
      if (end == std::string_view::npos) break;
      if (text_.size() - end >= end_size && take_directory(end)) return;
    }
    throw unreadable(file_, "it is a zip archive without its end: it was cut short");
  }

  bool take_directory(std::size_t end) {
    count_ = number<std::uint16_t>(text_, end + 10);
    directory_ = number<std::uint32_t>(text_, end + 16);
    if (directory_ + number<std::uint32_t>(text_, end + 12) == end) return true;

    constexpr std::size_t locator_size = 20, wide_size = 56;
    if (end < locator_size || !text_.substr(end - locator_size).starts_with("PK\6\7")) return false;
    const auto wide_at = number<std::uint64_t>(text_, end - locator_size + 8);
    if (wide_at > end || end - wide_at < wide_size) return false;
    const std::string_view wide = text_.substr(static_cast<std::size_t>(wide_at));
    count_ = number<std::uint64_t>(wide, 32);
    directory_ = number<std::uint64_t>(wide, 48);
    return wide.starts_with("PK\6\6") && directory_ <= wide_at &&
           number<std::uint64_t>(wide, 40) == wide_at - directory_;
  }

  ZipEntry entry_of(std::string_view name, std::string_view header, std::string_view extra) const {
    const int method = number<std::uint16_t>(header, 10);
    if (method != 0 && method != 8)
      fail(name, format_text("is compressed by method {}; deflate is the only one known", method));
    if ((number<std::uint16_t>(header, 8) & 1) != 0) fail(name, "is encrypted");

    std::string_view wide = zip64_of(extra);
    const auto widen = [&](std::uint32_t narrow) -> std::uint64_t {
      if (narrow != 0xffffffff) return narrow;
      if (wide.size() < 8) fail(name, "has no ZIP64 size");
      const auto value = number<std::uint64_t>(wide, 0);
      wide.remove_prefix(8);
      return value;
    };
    const std::uint64_t size = widen(number<std::uint32_t>(header, 24));
    const std::uint64_t stored_size = widen(number<std::uint32_t>(header, 20));
    const std::uint64_t offset = widen(number<std::uint32_t>(header, 42));
    if (method == 0 && size != stored_size) fail(name, "has two sizes");

    const std::string_view local = record(offset, 30, "PK\3\4");
    const std::uint64_t name_size = number<std::uint16_t>(local, 26);
    if (part(offset + 30, name_size) != name) fail(name, "has another name at its data");
    const std::string_view data =
        part(offset + 30 + name_size + number<std::uint16_t>(local, 28), stored_size);
    return {std::as_bytes(std::span(data.data(), data.size())),
            size,
            number<std::uint32_t>(header, 16),
            method == 8,
            {}};
  }

  static std::string_view zip64_of(std::string_view extra) {
    while (extra.size() >= 4) {
      const std::size_t size = number<std::uint16_t>(extra, 2);
      if (number<std::uint16_t>(extra, 0) == 1) return extra.substr(4, size);
      extra.remove_prefix(std::min(extra.size(), 4 + size));
    }
    return {};
  }

  /// The caller has checked that the number is inside `text`.
  template <class Number>
  static Number number(std::string_view text, std::size_t position) {
    Number value;
    std::memcpy(&value, text.data() + position, sizeof value);
    return value;
  }

  std::string_view part(std::uint64_t begin, std::uint64_t size) const {
    if (begin > text_.size() || size > text_.size() - begin)
      throw unreadable(file_, "its zip directory is damaged: an entry reaches past the end");
    return text_.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
  }

  std::string_view record(std::uint64_t begin, std::uint64_t size, std::string_view magic) const {
    const std::string_view record = part(begin, size);
    if (!record.starts_with(magic)) throw unreadable(file_, "its zip directory is damaged");
    return record;
  }

  [[noreturn]] void fail(std::string_view name, std::string_view reason) const {
    throw unreadable(file_, format_text("its zip entry '{}' {}", printable(name), reason));
  }

  std::string_view text_, file_;
  std::uint64_t count_ = 0, directory_ = 0;
};

/// The files in the archive, by name. Bytes may follow its end.
/// Throws: Error if it is damaged, or an entry is encrypted, is there twice, or is compressed by
/// another method than deflate.
inline ZipEntries zip_entries(std::span<const std::byte> bytes, std::string_view file) {
  return ZipDirectory(bytes, file).entries();
}

}  // namespace frostline::detail
