// SPDX-License-Identifier: MIT
// DataSet: numbered samples of floats and labels; TensorDataSet: samples in memory.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/core/shape.hpp"

namespace frostline {

/// The size and the shapes of a data set.
struct DataFacts {
  std::size_t size = 0;    // samples
  Shape image{};           // per sample
  std::size_t labels = 1;  // per sample: 1, or height x width for a dense head
  int classes = 0;         // 0 if the number is not known
  bool varies = false;     // whether samples depend on `draw`, as random crops do
};

}  // namespace frostline

namespace frostline::detail {

/// A batch of samples. Shapes: images (batch, C, H, W), labels (batch), or (batch, H, W) for a
/// dense head.
struct ImageBatch {
  std::span<const float> images;
  std::span<const int> labels;
};

}  // namespace frostline::detail

namespace frostline {

/// Numbered samples. `read` assigns the image and the labels of one sample. Several threads call it
/// at the same time, and it must give the same result for the same index and draw. What it throws
/// reaches the caller that asks for the batch. `draw` seeds what is random about a sample; it
/// differs between epochs.
template <class Data>
concept DataSet = requires(const Data& data, std::size_t index, std::uint64_t draw,
                           std::span<float> image, std::span<int> labels) {
  { data.facts() } -> std::same_as<DataFacts>;
  data.read(index, draw, image, labels);
};

}  // namespace frostline

namespace frostline::detail {

/// A reference to a data set of any type. The data set must outlive it.
class DataView {
 public:
  template <DataSet Data>
  requires(!std::same_as<Data, DataView>) DataView(const Data& data)
      : facts_(data.facts()),
        read_([&data](std::size_t index, std::uint64_t draw, std::span<float> image,
                      std::span<int> labels) { data.read(index, draw, image, labels); }) {}

  const DataFacts& facts() const { return facts_; }
  void read(std::size_t index, std::uint64_t draw, std::span<float> image,
            std::span<int> labels) const {
    read_(index, draw, image, labels);
  }

 private:
  DataFacts facts_;
  std::function<void(std::size_t, std::uint64_t, std::span<float>, std::span<int>)> read_;
};

}  // namespace frostline::detail

namespace frostline {

/// Samples that are stored in memory and do not vary.
/// Shapes: images (samples, shape), labels (samples) or (samples, H, W).
class TensorDataSet {
 public:
  /// Throws: Error if there is no sample, or the sizes do not fit each other.
  TensorDataSet(Shape shape, std::vector<float> images, std::vector<int> labels, int classes = 0)
      : images_(std::move(images)), labels_(std::move(labels)) {
    const std::size_t each = shape.size() > 0 ? shape.size() : 1;
    facts_ = {
        .size = shape.size() > 0 ? images_.size() / each : 0, .image = shape, .classes = classes};
    if (facts_.size == 0 || images_.size() % each != 0 || labels_.empty() ||
        labels_.size() % facts_.size != 0)
      throw Error(detail::format_text(
          "frostline: TensorDataSet requires whole images of {}x{}x{} = {} numbers and as many "
          "labels for each, got {} numbers and {} labels",
          shape.channels, shape.height, shape.width, shape.size(), images_.size(), labels_.size()));
    facts_.labels = labels_.size() / facts_.size;
  }

  DataFacts facts() const { return facts_; }
  void read(std::size_t index, std::uint64_t, std::span<float> image, std::span<int> labels) const {
    std::copy_n(images_.begin() + std::ptrdiff_t(index * image.size()), image.size(),
                image.begin());
    std::copy_n(labels_.begin() + std::ptrdiff_t(index * labels.size()), labels.size(),
                labels.begin());
  }

 private:
  std::vector<float> images_;
  std::vector<int> labels_;
  DataFacts facts_;
};

}  // namespace frostline
