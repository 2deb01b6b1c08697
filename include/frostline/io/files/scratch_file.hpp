// SPDX-License-Identifier: MIT
// ScratchFile: a file mapped into memory for writing, which is removed unless it is kept.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/files/mapping.hpp"
#include "frostline/io/files/partial_file.hpp"

namespace frostline::detail {

/// A new file of fixed size, mapped into memory: its space on disk is reserved, and the kernel
/// writes its pages. A file that will be kept has a temporary name until then; any other has none,
/// so that it is removed however the program ends.
class ScratchFile {
 public:
  /// Throws: Error, which names the file, if it cannot be created or does not fit on the disk.
  ScratchFile(std::filesystem::path path, std::size_t bytes, bool will_be_kept)
      : path_(std::move(path)) {
    if (will_be_kept) {
      partial_.emplace(path_);
      reserve(partial_->file(), bytes);
      return;
    }
    const int file = open_nameless();
    try {
      reserve(file, bytes);
    } catch (...) {
      ::close(file);
      throw;
    }
    ::close(file);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  std::span<std::byte> bytes() const { return mapping_.bytes(); }
  const std::filesystem::path& path() const { return path_; }

  /// Writes a file that is to be kept to the disk and gives it its path; an old file is replaced.
  /// Throws: Error, which names the file, if that fails.
  void keep() {
    try {
      mapping_.flush();
    } catch (const std::system_error& exception) {
      fail(exception.code().message());
    }
    partial_->commit();
  }

 private:
  int open_nameless() const {
    static std::atomic<int> count = 0;
    std::filesystem::path name = path_;
    name += format_text(".{}-{}.partial", ::getpid(), ++count);
    const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) fail(std::generic_category().message(errno));
    ::unlink(name.c_str());
    return file;
  }
  void reserve(int file, std::size_t bytes) {
    std::error_code unknown;
    const std::filesystem::path folder = path_.has_parent_path() ? path_.parent_path() : ".";
    const auto disk = std::filesystem::space(folder, unknown);
    int error = !unknown && disk.available < bytes ? ENOSPC : 0;
    if (error == 0) error = ::posix_fallocate(file, 0, off_t(bytes));
    try {
      if (error == 0) mapping_ = Mapping(file, bytes, true);
    } catch (const std::system_error& exception) {
      error = exception.code().value();
    }
    if (error != 0)
      fail(format_text("{} (it needs {} bytes)", std::generic_category().message(error), bytes));
  }
  [[noreturn]] void fail(std::string_view reason) const {
    throw Error(format_text("cannot write '{}': {}", path_.string(), reason));
  }

  std::filesystem::path path_;
  std::optional<PartialFile> partial_;
  Mapping mapping_;
};

}  // namespace frostline::detail
