// SPDX-License-Identifier: MIT
// FileInProgress: a file that gets its name only when it is complete.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "frostline/io/files/partial_file.hpp"

namespace frostline {

/// A file that gets its name only when it is complete; links and permissions as in PartialFile.
/// Constructing and destroying one checks that its path can be written, and changes nothing.
class FileInProgress {
 public:
  /// Throws: Error, which names the file, as PartialFile.
  explicit FileInProgress(const std::filesystem::path& path) : partial_(path) {
    const int copy = ::fcntl(partial_.file(), F_DUPFD_CLOEXEC, 0);
    file_ = copy < 0 ? nullptr : ::fdopen(copy, "wb");
    if (file_) return;
    const int error = errno;
    if (copy >= 0) ::close(copy);
    partial_.fail(error);
  }
  FileInProgress(const FileInProgress&) = delete;
  FileInProgress& operator=(const FileInProgress&) = delete;
  ~FileInProgress() {
    if (file_) std::fclose(file_);
  }

  /// Throws, like the functions below: Error, which names the file; the new file is removed then.
  void write(const void* data, std::size_t size) {
    if (size > 0 && std::fwrite(data, 1, size, file_) != size) partial_.fail(errno);
  }

  void finish() {
    if (std::fclose(std::exchange(file_, nullptr)) != 0) partial_.fail(errno);
    partial_.commit();
  }

 private:
  detail::PartialFile partial_;
  std::FILE* file_ = nullptr;
};

}  // namespace frostline
