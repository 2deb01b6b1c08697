// SPDX-License-Identifier: MIT
// ZipFile: the contents of a mapped zip archive.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "frostline/core/format.hpp"
#include "frostline/core/lender.hpp"
#include "frostline/io/files/mapped_file.hpp"
#include "frostline/io/files/unreadable.hpp"
#include "frostline/io/weights/zip.hpp"

namespace frostline::detail {

/// Inflates a deflated entry. Throws: Error unless it has exactly its size and its checksum.
/// Source: https://www.zlib.net/manual.html
inline void inflate(const ZipEntry& entry, std::span<std::byte> out, std::string_view name,
                    std::string_view file) {
  constexpr std::size_t step = std::size_t{1} << 30;  // zlib counts in 32 bits
  z_stream stream{};
  if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw unreadable(file, "zlib has no memory");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, ::inflateEnd);
  std::span<const std::byte> rest = entry.stored;
  std::span<std::byte> room = out;
  uLong checksum = ::crc32(0, nullptr, 0);
  int state = Z_OK;
  while (state == Z_OK) {
    const auto in = rest.first(std::min(rest.size(), step));
    const auto part = room.first(std::min(room.size(), step));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(part.data());
    stream.avail_out = static_cast<uInt>(part.size());
    state = ::inflate(&stream, Z_NO_FLUSH);  // Z_BUF_ERROR if no progress is possible
    const std::size_t written = part.size() - stream.avail_out;
    checksum =
        ::crc32(checksum, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(written));
    rest = rest.subspan(in.size() - stream.avail_in);
    room = room.subspan(written);
  }
  const bool sound =
      state == Z_STREAM_END && room.empty() && (entry.checksum == 0 || entry.checksum == checksum);
  if (!sound)
    throw unreadable(file, format_text("its zip entry '{}' is damaged: it does not inflate to its "
                                       "{} bytes, or its checksum is another",
                                       printable(name), entry.size));
}

/// A mapped zip archive: stored entries are read in place, deflated ones are inflated into memory
/// once.
class ZipFile : public Lender {
 public:
  explicit ZipFile(std::shared_ptr<const MappedFile> file)
      : file_(std::move(file)), entries_(zip_entries(file_->bytes(), file_->name())) {}

  const ZipEntries& entries() const { return entries_; }
  const std::string& name() const { return file_->name(); }

  /// The contents of an existing entry. Throws: Error if a deflated one is damaged, or all would
  /// take more than 64 MiB plus 100 times the archive's size.
  std::span<const std::byte> contents(std::string_view name) {
    ZipEntry& entry = entries_.find(name)->second;
    if (!entry.deflated) return entry.stored;
    const auto size = static_cast<std::size_t>(entry.size);
    if (!entry.inflated) {
      const std::uint64_t most = 100 * std::uint64_t{file_->bytes().size()} + (64u << 20);
      if (entry.size > most - inflated_bytes_)
        throw unreadable(this->name(), format_text("its zip entry '{}' would inflate to {} bytes, "
                                                   "far more than the archive has",
                                                   printable(name), entry.size));
      auto memory = std::make_unique_for_overwrite<std::byte[]>(size);
      inflate(entry, {memory.get(), size}, name, this->name());
      inflated_bytes_ += entry.size;
      entry.inflated = std::move(memory);
    }
    return {entry.inflated.get(), size};
  }

  void require_unchanged() const override { file_->require_unchanged(); }
  void rest() const override { file_->rest(); }

 private:
  std::shared_ptr<const MappedFile> file_;
  ZipEntries entries_;
  std::uint64_t inflated_bytes_ = 0;
};

}  // namespace frostline::detail
