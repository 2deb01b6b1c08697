// SPDX-License-Identifier: MIT
// ImageFolder: a folder of images with a subfolder per class; and a parallel reader of it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "frostline/io/images/decode_options.hpp"
#include "frostline/io/images/image.hpp"
#include "frostline/io/images/image_failures.hpp"
#include "frostline/io/images/skipped.hpp"

namespace frostline {

/// An image's file and the number of its class.
struct Sample {
  std::filesystem::path path;
  int label = 0;
};

/// The images under `root/<class>/`, as torchvision's ImageFolder lists them: classes numbered in
/// the order of their names; .jpg, .jpeg and .png files, in upper or lower case, also in nested
/// folders. Links are followed, except those to a folder that contains them. Within a class, a
/// folder is read once, by its real path or else by the first link to it; torchvision reads it once
/// per link. Files and folders whose names begin with a dot, such as "._x.jpg" and
/// ".ipynb_checkpoints", are skipped; torchvision takes them as pictures and as classes.
/// Source: https://pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html
struct ImageFolder {
  std::filesystem::path root;
  std::vector<std::string> classes;
  std::vector<Sample> samples;
  detail::Skipped skipped;  // counts of files that are skipped, by reason

  /// Throws: Error if the folder is missing or has no class folders, if a class's name is not UTF-8
  /// or has control characters, if a folder cannot be read, or if classes have no image (it names
  /// them all).
  explicit ImageFolder(const std::filesystem::path& folder);

  /// With classes numbered in the given order, such as another folder's or a network's. `origin` is
  /// that other folder, for messages.
  /// Throws: Error as above, and if the folder's classes, compared by name, are not these: the
  /// text lists the missing and the unexpected ones.
  ImageFolder(const std::filesystem::path& folder, const std::vector<std::string>& wanted,
              const std::filesystem::path& origin = {});

  std::size_t size() const { return samples.size(); }

  /// One line with the number of skipped files by reason; empty if there are none.
  std::string skipped_text() const;

 private:
  void find_classes();
  void find_samples();
};

}  // namespace frostline

namespace frostline::detail {

/// Two folders with the same classes.
struct TrainAndVal {
  ImageFolder train, val;
};

}  // namespace frostline::detail

namespace frostline {

/// `root/train` and `root/val`, with classes numbered as in train.
/// Throws: Error as ImageFolder; if the classes differ, it names them and both folders.
inline detail::TrainAndVal open_train_and_val(const std::filesystem::path& root) {
  ImageFolder train(root / "train");
  ImageFolder val(root / "val", train.classes, train.root);
  return {std::move(train), std::move(val)};
}

}  // namespace frostline

namespace frostline::detail {

/// Calls action(i) for 0 ... count - 1, in parallel with OpenMP.
/// Throws: as for_each_image.
template <class Action>
void for_each_in_parallel(std::size_t count, Action action) {
  ImageFailures failures;
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic)
#endif
  for (std::size_t i = 0; i < count; ++i) {
    try {
      action(i);
    } catch (...) {
#ifdef _OPENMP
#pragma omp critical(frostline_for_each_in_parallel)
#endif
      failures.add(i);
    }
  }
  failures.rethrow(count);
}

}  // namespace frostline::detail

namespace frostline {

/// Decodes the folder's images in parallel with OpenMP, each once, and calls
/// action(index of the sample, Image&&) from the thread that decoded it. An image that the action
/// does not keep is freed at once, so that there is at most one image per thread in memory.
/// Throws: after all images were read, Error that names the first five samples, by their index,
/// that cannot be read, and the number of all such; or what the action threw, if it is not an Error
/// and belongs to the first sample that failed.
template <class Action>
void for_each_image(const ImageFolder& folder, Action action, const DecodeOptions& options = {}) {
  detail::for_each_in_parallel(folder.size(), [&](std::size_t i) {
    action(i, read_image(folder.samples[i].path, options));
  });
}

/// All images of the folder, decoded, in the order of its samples; see for_each_image.
inline std::vector<Image> read_images(const ImageFolder& folder,
                                      const DecodeOptions& options = {}) {
  std::vector<Image> images(folder.size());
  for_each_image(
      folder, [&](std::size_t i, Image&& image) { images[i] = std::move(image); }, options);
  return images;
}

}  // namespace frostline

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/data/image_folder_body.hpp"
#endif
