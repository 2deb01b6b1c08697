// SPDX-License-Identifier: MIT
// Folders of pictures in memory, and batches of them as a network takes them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "frostline/data/transform.hpp"
#include "frostline/io/images/pixels.hpp"

namespace frostline {
struct ImageFolder;
}

namespace examples {

/// One folder per class, decoded.
struct DataSet {
  std::vector<std::string> classes;
  std::vector<std::filesystem::path> paths;
  std::vector<frostline::Image> images;
  std::vector<int> labels;
  std::size_t size() const { return images.size(); }
};

/// What of a picture is kept in memory: a photo of 12 megapixels takes 36 MB, and a network sees a
/// small part of them.
using Keep = std::function<frostline::Image(frostline::Image)>;
/// The picture, its shorter side shrunk to what evaluation shows: fill_batch makes the same numbers
/// of it.
Keep keep_for_evaluation(int side);
/// The picture, shrunk where it is more than twice as large as random crops need, of which the
/// smallest keeps this share of its area. Crops of what is shrunk differ a little from crops of the
/// picture itself.
Keep keep_for_crops(int side, double smallest);

/// Reads a folder; prints which files it passes over, and shows its progress. `purpose` follows the
/// words "reading pictures". Photos of a phone lie on their side unless they are turned `upright`
/// as their EXIF data say; torchvision does not. Throws: Error if a picture cannot be read.
DataSet load_data_set(const frostline::ImageFolder& folder, const Keep& keep, const char* purpose,
                      bool upright = false);

struct DataSets {
  DataSet training, validation;
};

/// Reads root/train and root/val, which must have the same classes.
/// Throws: Error if a folder or a picture cannot be read, or there are not `classes` classes.
DataSets load_data_sets(const std::filesystem::path& root, int classes, const Keep& training,
                        const Keep& validation, bool upright = false);

/// 0 ... size - 1 in an order that depends on the seed and the epoch alone.
std::vector<std::size_t> shuffled(std::size_t size, std::uint64_t seed, int epoch);

/// Some pictures of a data set, ready for a network of Side x Side. Shapes: (batch, 3, side, side).
struct Batch {
  std::vector<float> images;
  std::vector<int> labels;
};

/// Pictures as evaluation shows them: the shorter side resized to `side`, the centre cropped.
void fill_batch(const DataSet& data, std::span<const std::size_t> indices, int side, Batch& batch);

/// Pictures as training shows them: cropped and mirrored at random, the same whatever the number
/// of threads. `smallest` is the least share of a picture that a crop keeps.
void fill_batch_at_random(const DataSet& data, std::span<const std::size_t> indices, int side,
                          double smallest, std::uint64_t seed, int epoch, Batch& batch);

}  // namespace examples
