// SPDX-License-Identifier: MIT
// Scenes with a label per pixel, composed of cut-outs from a data set.
#pragma once

#include <cstdint>

#include "data_set.hpp"

namespace examples {

/// A picture and the class of each of its pixels: 0 is background, k + 1 the data set's class k.
struct Scene {
  frostline::Image image;
  std::vector<int> labels;  // (side, side)
};

/// Two or three cut-outs on a pale background, each mirrored with a probability of 1/2 if
/// `mirrors`; equal seeds give equal scenes.
Scene make_scene(const frostline::ImageDataSet& data, int side, std::uint64_t seed,
                 bool mirrors = false);

/// A data set of scenes: new ones in each epoch, mirrored too, or always the same. The pictures
/// must outlive it.
class Scenes {
 public:
  Scenes(const frostline::ImageDataSet& pictures, int side, int count, bool varies)
      : pictures_(&pictures), side_(side), count_(std::size_t(count)), varies_(varies) {}
  frostline::DataFacts facts() const;
  void read(std::size_t index, std::uint64_t draw, std::span<float> image,
            std::span<int> labels) const;

 private:
  const frostline::ImageDataSet* pictures_;
  int side_;
  std::size_t count_;
  bool varies_;
};

/// A picture of the labels: grey background, one colour per class.
frostline::Image paint_labels(std::span<const int> labels, int side);

/// Pictures side by side, `columns` in a row, with white between them. All must have the same size.
frostline::Image tile(std::span<const frostline::Image> images, int columns);

}  // namespace examples
