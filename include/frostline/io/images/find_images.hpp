// SPDX-License-Identifier: MIT
// The search for pictures in a folder and its subfolders, and the count of skipped files.
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/images/skipped.hpp"

namespace frostline::detail {

/// The identity of a folder, on whatever path it is reached: its device and inode.
using FolderId = std::pair<dev_t, ino_t>;

enum class FileKind { folder, regular, missing, other };

/// The status of a path, with links followed; a link to nothing, or to itself, is missing.
/// Throws: Error if it cannot be read.
inline FileKind kind_of(const std::filesystem::path& path, FolderId* id = nullptr) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ELOOP || errno == ENOTDIR) return FileKind::missing;
    throw Error(format_text("cannot look at '{}': {}", path.string(),
                            std::generic_category().message(errno)));
  }
  if (id) *id = {status.st_dev, status.st_ino};
  return S_ISDIR(status.st_mode)   ? FileKind::folder
         : S_ISREG(status.st_mode) ? FileKind::regular
                                   : FileKind::other;
}

/// The folder and its parents up to the root of the file system.
/// Throws: Error if one of them cannot be read.
inline std::vector<FolderId> holders_of(const std::filesystem::path& folder) {
  std::vector<FolderId> ids;
  std::error_code problem;
  std::filesystem::path path = std::filesystem::canonical(folder, problem);
  if (problem)
    throw Error(format_text("cannot look at '{}': {}", folder.string(), problem.message()));
  for (;; path = path.parent_path()) {
    FolderId id;
    if (kind_of(path, &id) == FileKind::folder) ids.push_back(id);
    if (path == path.parent_path()) return ids;
  }
}

/// Entries of a folder. Throws: Error, which names the folder, if it cannot be read.
inline std::vector<std::filesystem::directory_entry> entries_of(
    const std::filesystem::path& folder) {
  std::error_code problem;
  std::vector<std::filesystem::directory_entry> entries;
  std::filesystem::directory_iterator entry(folder, problem), end;
  for (; !problem && entry != end; entry.increment(problem)) entries.push_back(*entry);
  if (problem)
    throw Error(format_text("cannot list the folder '{}': {}", folder.string(), problem.message()));
  return entries;
}

/// The extension with its dot, in lower case.
inline std::string extension_of(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& letter : extension)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return extension;
}

/// Whether the name is hidden, such as the "._x.jpg" that macOS writes next to x.jpg.
inline bool is_hidden(const std::filesystem::path& path) {
  return path.filename().string()[0] == '.';
}

/// Whether the name has the extension of a supported format.
inline bool names_an_image(const std::filesystem::path& path) {
  if (is_hidden(path)) return false;
  const std::string extension = extension_of(path);
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

/// The reason for which a file of another name is skipped.
inline std::string reason_to_skip(const std::filesystem::path& path) {
  constexpr std::string_view other_pictures[] = {".avif", ".bmp", ".dng", ".gif",  ".heic", ".heif",
                                                 ".jfif", ".jp2", ".jpe", ".pgm",  ".pnm",  ".ppm",
                                                 ".svg",  ".tga", ".tif", ".tiff", ".webp"};
  const std::string name = path.filename().string();
  const std::string extension = extension_of(path);
  if (is_hidden(path) || name == "Thumbs.db" || name == "desktop.ini") return "hidden files";
  const bool is_picture = std::find(std::begin(other_pictures), std::end(other_pictures),
                                    extension) != std::end(other_pictures);
  return is_picture ? extension : "files that are no pictures";
}

inline constexpr const char* leads_back = "links to a folder that holds them";
inline constexpr const char* hidden_folders = "hidden folders";
inline constexpr const char* read_already = "folders that are read already";

/// A folder to be read. Real folders come before links, and each kind is sorted by path, so that
/// the result does not depend on the order in which the file system lists them.
struct FolderToRead {
  bool is_link;
  std::filesystem::path path;
  FolderId id;
  std::vector<FolderId> above;  // its parents

  bool operator<(const FolderToRead& other) const {
    return is_link != other.is_link ? other.is_link : path < other.path;
  }

  FolderToRead(const std::filesystem::directory_entry& entry, const FolderId& folder,
               std::vector<FolderId> holders)
      : path(entry.path()), id(folder), above(std::move(holders)) {
    std::error_code ignored;  // a folder that is removed now is an error when it is read
    is_link = entry.is_symlink(ignored);
  }

  bool leads_back() const { return std::find(above.begin(), above.end(), id) != above.end(); }

  /// All folders that contain the folder's entries: its parents and, for a link, the target's.
  std::vector<FolderId> holders_inside() const {
    std::vector<FolderId> inside = above;
    inside.push_back(id);
    if (is_link) {
      const std::vector<FolderId> holders = holders_of(path);
      inside.insert(inside.end(), holders.begin(), holders.end());
    }
    return inside;
  }
};

/// The pictures of a folder and its subfolders in any order, with links followed. Each folder is
/// read only once, so that the work grows with the number of folders and links.
inline void find_images(FolderToRead top, std::vector<std::filesystem::path>& paths,
                        Skipped& skipped) {
  std::set<FolderId> read;
  std::set<FolderToRead> folders;
  folders.insert(std::move(top));
  while (!folders.empty()) {
    const FolderToRead folder = std::move(folders.extract(folders.begin()).value());
    if (!read.insert(folder.id).second) {
      ++skipped[read_already];
      continue;
    }
    const std::vector<FolderId> inside = folder.holders_inside();
    for (const auto& entry : entries_of(folder.path)) {
      FolderId id;
      const FileKind kind = kind_of(entry.path(), &id);
      if (kind == FileKind::folder) {
        FolderToRead next(entry, id, inside);
        if (is_hidden(entry.path()))
          ++skipped[hidden_folders];
        else if (next.leads_back())
          ++skipped[leads_back];
        else
          folders.insert(std::move(next));
      } else if (kind == FileKind::other) {
        ++skipped["devices, pipes and sockets"];
      } else if (names_an_image(entry.path())) {
        paths.push_back(entry.path());  // also a link to nothing: reading it is an error
      } else {
        ++skipped[reason_to_skip(entry.path())];
      }
    }
  }
}

/// Orders paths as torchvision does: by folder, then by name.
inline void sort_as_torchvision(std::vector<std::filesystem::path>& paths) {
  const auto key = [](const std::filesystem::path& path) {
    return std::pair(path.parent_path().string(), path.filename().string());
  };
  std::sort(paths.begin(), paths.end(),
            [&](const auto& left, const auto& right) { return key(left) < key(right); });
}

}  // namespace frostline::detail
