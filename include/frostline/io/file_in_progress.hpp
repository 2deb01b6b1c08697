// SPDX-License-Identifier: MIT
// Writing of a file that takes its name only when it is complete.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"

namespace frostline::detail {

/// A file that takes its name only when it is complete.
class FileInProgress {
 public:
  explicit FileInProgress(const std::filesystem::path& path) : path_(path), partial_(path) {
    partial_ += format_text(".{}.partial", ::getpid());
    file_ = std::fopen(partial_.c_str(), "wb");
    if (!file_) fail(errno);
  }
  FileInProgress(const FileInProgress&) = delete;
  FileInProgress& operator=(const FileInProgress&) = delete;
  ~FileInProgress() {
    if (file_) std::fclose(file_);
    std::error_code ignored;
    std::filesystem::remove(partial_, ignored);
  }

  void write(const void* data, std::size_t size) {
    if (size > 0 && std::fwrite(data, 1, size, file_) != size) fail(errno);
  }

  void finish() {
    if (std::fflush(file_) != 0 || ::fsync(::fileno(file_)) != 0) fail(errno);
    if (std::fclose(std::exchange(file_, nullptr)) != 0) fail(errno);
    std::error_code error;
    std::filesystem::rename(partial_, path_, error);
    if (error) fail(error.value());
  }

 private:
  [[noreturn]] void fail(int number) const {
    throw Error(format_text("cannot write '{}': {}", path_.string(),
                            std::generic_category().message(number)));
  }

  std::filesystem::path path_, partial_;
  std::FILE* file_ = nullptr;
};

}  // namespace frostline::detail
