// SPDX-License-Identifier: MIT
// The bodies of ImageFolder.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "frostline/core/body.hpp"
#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/data/class_names.hpp"
#include "frostline/data/image_folder.hpp"
#include "frostline/io/images/find_images.hpp"

namespace frostline {

FROSTLINE_BODY ImageFolder::ImageFolder(const std::filesystem::path& folder) : root(folder) {
  find_classes();
  find_samples();
}

FROSTLINE_BODY ImageFolder::ImageFolder(const std::filesystem::path& folder,
                                        const std::vector<std::string>& wanted,
                                        const std::filesystem::path& origin)
    : root(folder) {
  find_classes();
  detail::require_classes(wanted, classes, root.string(), origin.string());
  classes = wanted;
  find_samples();
}

FROSTLINE_BODY std::string ImageFolder::skipped_text() const {
  if (skipped.empty()) return "";
  std::string text;
  for (const auto& [reason, count] : skipped)
    text += detail::format_text("{}{} ({})", text.empty() ? "" : ", ", reason, count);
  return detail::format_text("skipped in '{}': {}", root.string(), text);
}

FROSTLINE_BODY void ImageFolder::find_classes() {
  if (detail::kind_of(root) != detail::FileKind::folder)
    throw Error(detail::format_text("there is no folder '{}'", root.string()));
  const std::vector<detail::FolderId> above = detail::holders_of(root);
  for (const auto& entry : detail::entries_of(root)) {
    const std::string name = entry.path().filename().string();
    detail::FolderId id;
    if (detail::kind_of(entry.path(), &id) != detail::FileKind::folder) {
      const std::string reason = detail::reason_to_skip(entry.path());
      ++skipped[reason == "hidden files" ? reason : "files beside the class folders"];
    } else if (detail::is_hidden(entry.path())) {
      ++skipped[detail::hidden_folders];
    } else if (detail::FolderToRead(entry, id, above).leads_back()) {
      ++skipped[detail::leads_back];
    } else {
      detail::check_class_name(name, root.string());
      classes.push_back(name);
    }
  }
  std::sort(classes.begin(), classes.end());
  if (classes.empty())
    throw Error(detail::format_text("the folder '{}' has no class folders{}{}", root.string(),
                                    skipped.empty() ? "" : "; ", skipped_text()));
}

FROSTLINE_BODY void ImageFolder::find_samples() {
  const std::vector<detail::FolderId> above = detail::holders_of(root);
  std::vector<std::string> empty;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const std::filesystem::directory_entry folder(root / classes[label]);
    detail::FolderId id;
    detail::kind_of(folder.path(), &id);
    std::vector<std::filesystem::path> paths;
    detail::find_images({folder, id, above}, paths, skipped);
    detail::sort_as_torchvision(paths);
    if (paths.empty()) empty.push_back(classes[label]);
    for (auto& path : paths) samples.push_back({std::move(path), static_cast<int>(label)});
  }
  if (!empty.empty())
    throw Error(detail::format_text(
        "the folder '{}' has no .jpg, .jpeg or .png file for the classes {}{}{}", root.string(),
        detail::list_of_names(empty), skipped.empty() ? "" : "; ", skipped_text()));
}

}  // namespace frostline
