// SPDX-License-Identifier: MIT
// Reads folders of training and validation pictures, with a progress bar.
#pragma once

#include <filesystem>

#include "frostline/data/image_data_set.hpp"

namespace examples {

struct DataSets {
  frostline::ImageDataSet training, validation;
};

/// Reads root/train and root/val, which must have the same classes; prints the number of skipped
/// files. `upright` turns photos as their EXIF data say; torchvision does not turn them.
/// Throws: Error if a folder or a picture cannot be read, or there are not `classes` classes.
DataSets load_data_sets(const std::filesystem::path& root, int classes,
                        const frostline::ImageDataSet::Transform& training,
                        const frostline::ImageDataSet::Transform& validation, bool upright = false);

/// A folder's pictures to train on and to validate, and a line that says how they were divided.
struct Folders {
  frostline::ImageFolder train, val;
  std::string text;
};

/// root/train and root/val; or, if there is neither, a folder of classes, of each of which a fifth,
/// chosen by the seed, validates. Prints the number of skipped files.
/// Throws: Error if a folder cannot be read, there is only one class, or nothing can validate.
Folders open_folders(const std::filesystem::path& root, std::uint64_t seed);

/// Reads the pictures of a folder, with a progress bar. `memory` is for the pictures; those that do
/// not fit are read again each time. Units: bytes. Throws: Error if a picture cannot be read.
frostline::ImageDataSet load_pictures(const frostline::ImageFolder& folder,
                                      const frostline::ImageDataSet::Transform& transform,
                                      const char* purpose, bool upright,
                                      std::size_t memory = std::size_t(2) << 30);

}  // namespace examples
