// SPDX-License-Identifier: MIT
// PartialFile: a file next to its target, which it replaces when it is complete.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"

namespace frostline::detail {

/// A new file in the folder of `path`. It gets that name when it is committed, and is removed if it
/// is not. If `path` is a link, the link stays and its target is replaced. A replaced file's
/// permissions are kept, and its owner and group if the system allows it; otherwise the umask
/// decides. Other names of the old file (hard links) keep the old contents. If a program is killed,
/// its partial file is removed by the next program that writes the same file.
class PartialFile {
 public:
  /// Throws: Error, which names the file, if `path` is not a regular file, is write-protected, or
  /// if its folder is missing or accepts no new file.
  explicit PartialFile(const std::filesystem::path& path) : path_(path), target_(path) {
    check_target();
    create();
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile() {
    if (!committed_) ::unlink(partial_.c_str());
    ::close(file_);
  }

  int file() const { return file_; }
  const std::filesystem::path& path() const { return path_; }

  /// Waits until all writes are on the disk, and gives the file its name.
  /// Throws: Error, which names the file; the old file stays.
  void commit() {
    restore_permissions();
    if (::fsync(file_) != 0 || ::rename(partial_.c_str(), target_.c_str()) != 0) fail(errno);
    committed_ = true;
    // The file is complete, so a folder that cannot be synchronized is not an error.
    const int folder = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;
    ::fsync(folder);
    ::close(folder);
  }

  [[noreturn]] void fail(std::string_view reason) const {
    throw Error(format_text("cannot write '{}': {}", path_.string(), reason));
  }
  [[noreturn]] void fail(int error) const { fail(std::generic_category().message(error)); }

 private:
  static std::filesystem::path folder_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : ".";
  }

  void check_target() {
    if (!path_.has_filename()) fail("it names no file");
    replaces_ = ::stat(path_.c_str(), &old_) == 0;
    if (!replaces_ && errno != ENOENT) fail(errno);
    if (replaces_ && S_ISDIR(old_.st_mode)) fail("it is a directory");
    if (replaces_ && !S_ISREG(old_.st_mode))
      fail("it is a device, a pipe or a socket, not a regular file");
    if (replaces_ && (old_.st_mode & 0222) == 0) fail("it is write-protected");
    if (replaces_ && ::faccessat(AT_FDCWD, path_.c_str(), W_OK, AT_EACCESS) != 0) fail(errno);
    std::error_code no_link;
    for (int links = 0; links < 40; ++links) {
      const auto next = std::filesystem::read_symlink(target_, no_link);
      if (no_link) break;
      target_ = target_.parent_path() / next;
    }
    if (!std::filesystem::exists(folder_of(target_), no_link))
      fail(format_text("there is no folder '{}'", folder_of(target_).string()));
  }

  // Each program that writes the same file uses another of these names and locks its partial file.
  // Files without a lock are removed.
  void create() {
    for (int number = 1; number <= 100; ++number) {
      partial_ = target_;
      partial_ += number == 1 ? std::string(".partial") : format_text(".{}.partial", number);
      for (int attempt = 0; attempt < 3; ++attempt) {
        file_ = ::open(partial_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                       replaces_ ? 0600 : 0666);
        if (file_ >= 0) {
          const bool locked = ::flock(file_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
          // Before it was locked, another program may have removed it as a killed program's.
          if (locked && is_named(file_)) return;
          ::close(file_);
          continue;
        }
        if (errno == EACCES || errno == EPERM || errno == EROFS)
          fail(format_text("its folder accepts no new file: {}",
                           std::generic_category().message(errno)));
        if (errno != EEXIST) fail(errno);
        if (!remove_abandoned()) break;
      }
    }
    fail("a hundred other programs are writing it");
  }

  bool remove_abandoned() const {
    const int left = ::open(partial_.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (left < 0) return errno == ENOENT;
    const bool abandoned = ::flock(left, LOCK_EX | LOCK_NB) == 0 && is_named(left);
    const bool removed = abandoned && ::unlink(partial_.c_str()) == 0;
    ::close(left);
    return removed;
  }

  /// Whether the partial name still names this open file.
  bool is_named(int file) const {
    struct stat open {
    }, named{};
    return ::fstat(file, &open) == 0 && ::lstat(partial_.c_str(), &named) == 0 &&
           open.st_dev == named.st_dev && open.st_ino == named.st_ino;
  }

  // If the group cannot be kept, the new group gets no permissions.
  void restore_permissions() const {
    if (!replaces_) return;
    mode_t mode = old_.st_mode & 0777;
    if (::fchown(file_, old_.st_uid, old_.st_gid) != 0 &&
        ::fchown(file_, uid_t(-1), old_.st_gid) != 0)
      mode &= ~mode_t{070} | (mode & 07) << 3;
    if (::fchmod(file_, mode) != 0) fail(errno);
  }

  std::filesystem::path path_, target_, partial_;
  int file_ = -1;
  bool replaces_ = false, committed_ = false;
  struct stat old_ {};
};

}  // namespace frostline::detail
