// SPDX-License-Identifier: MIT
// A folder of pictures in memory, and batches of it as a network takes them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "frostline/io/pixels.hpp"
#include "frostline/io/transform.hpp"

namespace examples {

/// One folder a class, decoded.
struct DataSet {
  std::vector<std::string> classes;
  std::vector<std::filesystem::path> paths;
  std::vector<frostline::Image> images;
  std::vector<int> labels;
  std::size_t size() const { return images.size(); }
};

/// Throws: Error if the folder cannot be read, or has not `classes` classes.
DataSet load_data_set(const std::filesystem::path& folder, int classes);

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
