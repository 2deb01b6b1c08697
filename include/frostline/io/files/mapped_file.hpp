// SPDX-License-Identifier: MIT
// A file mapped into memory for reading.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "frostline/core/lender.hpp"
#include "frostline/io/files/mapping.hpp"
#include "frostline/io/files/unreadable.hpp"

namespace frostline::detail {

/// A whole file, readable while this object lives. Nobody may shorten the file meanwhile; replacing
/// it by another file is allowed.
class MappedFile : public Lender {
 public:
  /// Throws: Error when there is no such file, or it is empty, a directory or not readable.
  explicit MappedFile(std::string path) : name_(std::move(path)) {
    file_ = ::open(name_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file_ < 0) fail(errno == ENOENT || errno == ENOTDIR ? "no such file" : message(errno));
    try {
      map();
    } catch (...) {
      ::close(file_);
      throw;
    }
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() override { ::close(file_); }

  std::span<const std::byte> bytes() const { return mapping_.bytes(); }
  /// The path with which it was opened, for messages.
  const std::string& name() const { return name_; }

  /// Throws: Error if the file was written to since it was opened.
  void require_unchanged() const override {
    struct stat now {};
    if (::fstat(file_, &now) != 0 || now.st_size != opened_.st_size ||
        now.st_mtim.tv_sec != opened_.st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != opened_.st_mtim.tv_nsec)
      fail("it has been overwritten while a network's frozen weights were in it; load again");
  }
  void rest() const override { mapping_.rest(); }

 private:
  void map() {
    if (::fstat(file_, &opened_) != 0) fail(message(errno));
    if (S_ISDIR(opened_.st_mode)) fail("it is a directory");
    if (!S_ISREG(opened_.st_mode)) fail("it is not a regular file");
    if (opened_.st_size == 0) fail("it is empty");
    try {
      mapping_ = Mapping(file_, std::size_t(opened_.st_size), false);
    } catch (const std::system_error& error) {
      fail(error.code().message());
    }
  }
  static std::string message(int error) { return std::generic_category().message(error); }
  [[noreturn]] void fail(std::string_view reason) const { throw unreadable(name_, reason); }

  std::string name_;
  int file_ = -1;
  struct stat opened_ {};
  Mapping mapping_;
};

}  // namespace frostline::detail
