// SPDX-License-Identifier: MIT
// Scenes with a label for each pixel, made of cut-outs from a data set.
#pragma once

#include <cstdint>

#include "data_set.hpp"

namespace examples {

/// A picture and the class of each of its pixels: 0 is background, k + 1 the data set's class k.
struct Scene {
  frostline::Image image;
  std::vector<int> labels;  // (side, side)
};

/// Two or three cut-outs pasted on a pale background, the same for the same seed.
Scene make_scene(const DataSet& data, int side, std::uint64_t seed);

/// Scenes as a network takes them. Shapes: images (batch, 3, side, side), labels (batch, side,
/// side).
Batch batch_of(std::span<const Scene> scenes);

/// A picture for each row of labels: background grey, a colour a class.
frostline::Image paint_labels(std::span<const int> labels, int side);

/// Pictures beside each other, rows of `columns`, with white between them. All have one size.
frostline::Image tile(std::span<const frostline::Image> images, int columns);

}  // namespace examples
