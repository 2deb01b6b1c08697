// SPDX-License-Identifier: MIT
#include "pictures.hpp"

#include "frostline/data/image_folder.hpp"
#include "support/data_set.hpp"

namespace peer {

struct Pictures::Data : examples::DataSet {};

namespace {

Batch widen(examples::Batch&& batch) {
  return {std::move(batch.images), {batch.labels.begin(), batch.labels.end()}};
}

}  // namespace

Pictures::Pictures(const std::string& folder, int classes)
    : data_(new Data{examples::load_data_set(frostline::ImageFolder(folder),
                                             examples::keep_for_evaluation(2 * 96), "")}) {
  if (int(data_->classes.size()) != classes) throw frostline::Error("another number of classes");
}

Pictures::~Pictures() = default;

std::size_t Pictures::size() const { return data_->size(); }

std::vector<std::size_t> Pictures::shuffled(std::uint64_t seed, int epoch) const {
  return examples::shuffled(size(), seed, epoch);
}

Batch Pictures::batch(const std::vector<std::size_t>& indices, int side) const {
  examples::Batch batch;
  examples::fill_batch(*data_, indices, side, batch);
  return widen(std::move(batch));
}

Batch Pictures::batch_at_random(const std::vector<std::size_t>& indices, int side,
                                double smallest_crop, std::uint64_t seed, int epoch) const {
  examples::Batch batch;
  examples::fill_batch_at_random(*data_, indices, side, smallest_crop, seed, epoch, batch);
  return widen(std::move(batch));
}

}  // namespace peer
