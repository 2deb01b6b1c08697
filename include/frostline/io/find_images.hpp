// SPDX-License-Identifier: MIT
// The search for pictures in a folder and the folders in it, and the count of what is passed over.
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"

namespace frostline {

/// How many files and links of a folder were not taken, by the reason, such as ".webp".
using Skipped = std::map<std::string, std::size_t>;

namespace detail {

/// What tells one folder from another, however it is reached: its device and its inode.
using FolderId = std::pair<dev_t, ino_t>;

enum class FileKind { folder, regular, missing, other };

/// Links followed; a link that leads nowhere, or only to itself, is missing.
/// Throws: Error for what may not be looked at.
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

/// The folder and all that hold it, up to the root of the file system.
/// Throws: Error if it cannot be looked at.
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

/// The extension with its dot, in small letters.
inline std::string extension_of(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& letter : extension)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return extension;
}

/// Whether the name promises a format that is read.
inline bool names_an_image(const std::filesystem::path& path) {
  const std::string extension = extension_of(path);
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

/// Under what a file is counted whose name promises no format that is read.
inline std::string reason_to_skip(const std::filesystem::path& path) {
  constexpr std::string_view other_pictures[] = {".avif", ".bmp", ".dng", ".gif",  ".heic", ".heif",
                                                 ".jfif", ".jp2", ".jpe", ".pgm",  ".pnm",  ".ppm",
                                                 ".svg",  ".tga", ".tif", ".tiff", ".webp"};
  const std::string name = path.filename().string();
  const std::string extension = extension_of(path);
  if (name[0] == '.' || name == "Thumbs.db" || name == "desktop.ini") return "hidden files";
  const bool is_picture = std::find(std::begin(other_pictures), std::end(other_pictures),
                                    extension) != std::end(other_pictures);
  return is_picture ? extension : "files that are no pictures";
}

/// Whether a folder that an entry names may be entered: it is not one of those that hold the entry.
/// Then `above` gets what holds the entries of that folder.
inline bool enter(const std::filesystem::directory_entry& entry, const FolderId& id,
                  std::vector<FolderId>& above) {
  if (std::find(above.begin(), above.end(), id) != above.end()) return false;
  above.push_back(id);
  std::error_code ignored;  // without it, what vanishes now is found when it is read
  if (entry.is_symlink(ignored)) {
    const std::vector<FolderId> holders = holders_of(entry.path());
    above.insert(above.end(), holders.begin(), holders.end());
  }
  return true;
}

inline constexpr const char* leads_back = "links to a folder that holds them";

/// The pictures of a folder and the folders in it, links followed, in no order; `above` are the
/// folder and what holds it.
inline void find_images(const std::filesystem::path& folder, const std::vector<FolderId>& above,
                        std::vector<std::filesystem::path>& paths, Skipped& skipped) {
  for (const auto& entry : entries_of(folder)) {
    FolderId id;
    const FileKind kind = kind_of(entry.path(), &id);
    if (kind == FileKind::folder) {
      std::vector<FolderId> inside = above;
      if (enter(entry, id, inside))
        find_images(entry.path(), inside, paths, skipped);
      else
        ++skipped[leads_back];
    } else if (kind == FileKind::other) {
      ++skipped["devices, pipes and sockets"];
    } else if (names_an_image(entry.path())) {
      paths.push_back(entry.path());  // a link that leads nowhere too: reading it is an error
    } else {
      ++skipped[reason_to_skip(entry.path())];
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

}  // namespace detail

}  // namespace frostline
