// SPDX-License-Identifier: MIT
#include "pictures.hpp"

#include "frostline/data/image_data_set.hpp"
#include "frostline/data/shuffle.hpp"

namespace peer {

namespace fl = frostline;

struct Pictures::Data : fl::ImageDataSet {
  using ImageDataSet::ImageDataSet;

  /// The batch to which `transform(image, index, floats)` turns each picture.
  template <class Transform>
  Batch batch(const std::vector<std::size_t>& indices, int side, const Transform& transform) const {
    const std::size_t floats = fl::Shape{3, side, side}.size();
    Batch batch{std::vector<float>(indices.size() * floats), {}};
    for (std::size_t i = 0; i < indices.size(); ++i) {
      transform(image(indices[i]), indices[i], std::span(batch.images).subspan(i * floats, floats));
      batch.labels.push_back(label(indices[i]));
    }
    return batch;
  }
};

Pictures::Pictures(const std::string& folder, int classes)
    : data_(new Data(fl::ImageFolder(folder), fl::EvaluationTransform{2 * 96, 96})) {
  if (int(data_->classes().size()) != classes) throw fl::Error("another number of classes");
}

Pictures::~Pictures() = default;

std::size_t Pictures::size() const { return data_->size(); }

std::vector<std::size_t> Pictures::shuffled(std::uint64_t seed, int epoch) const {
  return fl::shuffled(size(), {.seed = seed, .epoch = epoch});
}

Batch Pictures::batch(const std::vector<std::size_t>& indices, int side) const {
  const fl::EvaluationTransform whole{.resize = side, .crop = side};
  return data_->batch(indices, side,
                      [&](const fl::Image& image, std::size_t, auto out) { whole(image, out); });
}

Batch Pictures::batch_at_random(const std::vector<std::size_t>& indices, int side,
                                double smallest_crop, std::uint64_t seed, int epoch) const {
  const fl::TrainingTransform cut{.crop = side, .min_scale = smallest_crop};
  const fl::Draws draws{.seed = seed, .epoch = epoch};
  return data_->batch(indices, side, [&](const fl::Image& image, std::size_t index, auto out) {
    std::mt19937_64 random{draws.of_sample(index)};
    cut(image, out, random);
  });
}

}  // namespace peer
