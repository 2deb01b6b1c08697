// SPDX-License-Identifier: MIT
// A data set of images in a folder for each class, and a parallel reader for it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/image.hpp"

namespace frostline {

/// An image's file and the number of its class.
struct Sample {
  std::filesystem::path path;
  int label = 0;
};

namespace detail {

inline bool names_an_image(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& letter : extension)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

/// The images of a folder and the folders in it, links followed, ordered as torchvision orders
/// them: by folder, then by name.
inline std::vector<std::filesystem::path> find_images(const std::filesystem::path& folder) {
  constexpr auto links = std::filesystem::directory_options::follow_directory_symlink;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, links))
    if (names_an_image(entry.path()) && !entry.is_directory()) paths.push_back(entry.path());
  const auto key = [](const std::filesystem::path& path) {
    return std::pair(path.parent_path().string(), path.filename().string());
  };
  std::sort(paths.begin(), paths.end(),
            [&](const auto& left, const auto& right) { return key(left) < key(right); });
  return paths;
}

}  // namespace detail

/// The images under `root/<class>/`, as torchvision's ImageFolder lists them: classes numbered in
/// the order of their names; .jpg, .jpeg and .png files, in any case, also in nested folders.
/// Source: https://pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html
struct ImageFolder {
  std::vector<std::string> classes;
  std::vector<Sample> samples;

  /// Throws: Error if the folder is missing or has no folders, and one that names every class
  /// without an image.
  explicit ImageFolder(const std::filesystem::path& root) {
    const std::string name = root.string();
    std::string empty;
    if (!std::filesystem::is_directory(root))
      throw Error(format_text("there is no folder '{}'", name));
    try {
      for (const auto& entry : std::filesystem::directory_iterator(root))
        if (entry.is_directory()) classes.push_back(entry.path().filename().string());
      std::sort(classes.begin(), classes.end());
      for (std::size_t label = 0; label < classes.size(); ++label) {
        std::vector<std::filesystem::path> paths = detail::find_images(root / classes[label]);
        if (paths.empty()) empty += (empty.empty() ? "" : ", ") + classes[label];
        for (auto& path : paths) samples.push_back({std::move(path), static_cast<int>(label)});
      }
    } catch (const std::filesystem::filesystem_error& problem) {
      throw Error(format_text("cannot list the folder '{}': {}", name, problem.what()));
    }
    if (classes.empty()) throw Error(format_text("the folder '{}' has no class folders", name));
    if (!empty.empty())
      throw Error(format_text("the folder '{}' has no .jpg, .jpeg or .png file for the classes {}",
                              name, empty));
  }

  std::size_t size() const { return samples.size(); }
};

/// All images of the folder, decoded, in the order of its samples; in parallel with OpenMP.
/// Throws: Error for the first sample that cannot be read, whatever the number of threads.
inline std::vector<Image> read_images(const ImageFolder& folder) {
  std::vector<Image> images(folder.size());
  std::vector<std::exception_ptr> failures(folder.size());
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic)
#endif
  for (std::size_t i = 0; i < images.size(); ++i) {
    try {
      images[i] = read_image(folder.samples[i].path);
    } catch (...) {
      failures[i] = std::current_exception();
    }
  }
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
  return images;
}

}  // namespace frostline
