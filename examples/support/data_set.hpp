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

}  // namespace examples
