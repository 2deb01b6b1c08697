// SPDX-License-Identifier: MIT
// A folder of pictures in memory, and batches of it as a network takes them.
#include "data_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <numeric>
#include <random>

#include "frostline/data/image_folder.hpp"
#include "progress.hpp"

namespace examples {

namespace fl = frostline;

namespace {

// A picture of 1x60000 cannot be enlarged until its shorter side is a network's: that is told when
// it is read, with its name.
void require_usable(const fl::Image& image) {
  constexpr int most = 1000;
  if (std::max(image.width, image.height) / std::min(image.width, image.height) > most)
    throw fl::Error(fmt::format("a picture of {}x{} pixels is too thin to be of use", image.width,
                                image.height));
}

}  // namespace

Keep keep_for_evaluation(int side) {
  return [side](fl::Image image) {
    require_usable(image);
    return fl::shrink(std::move(image), side);
  };
}

Keep keep_for_crops(int side, double smallest) {
  return keep_for_evaluation(int(std::ceil(2 * side / std::sqrt(smallest))));
}

DataSet load_data_set(const fl::ImageFolder& files, const Keep& keep, const char* purpose,
                      bool upright) {
  if (const std::string skipped = files.skipped_text(); !skipped.empty())
    fmt::print(stderr, "{}\n", skipped);
  DataSet data;
  data.classes = files.classes;
  data.images.resize(files.size());
  for (const fl::Sample& sample : files.samples) {
    data.paths.push_back(sample.path);
    data.labels.push_back(sample.label);
  }
  Progress progress(fmt::format("reading pictures {}", purpose), files.size());
  const auto take = [&](std::size_t i, fl::Image image) {
    try {
      data.images[i] = keep(std::move(image));
    } catch (const fl::Error& error) {
      throw fl::Error(fmt::format("'{}': {}", files.samples[i].path.string(), error.what()));
    }
#pragma omp critical(examples_progress)
    progress.advance(1);
  };
  fl::for_each_image(
      files, take,
      {.orientation = upright ? fl::Orientation::upright : fl::Orientation::as_stored});
  progress.finish();
  return data;
}

DataSets load_data_sets(const std::filesystem::path& root, int classes, const Keep& training,
                        const Keep& validation, bool upright) {
  const auto [train, val] = fl::open_train_and_val(root);
  if (int(train.classes.size()) != classes)
    throw fl::Error(
        fmt::format("'{}' holds {} classes, but this program is compiled for {}: change the number "
                    "`classes` in its source (finetune: examples/support/finetune_models.hpp and "
                    "examples/predict.cpp) and build it again",
                    train.root.string(), train.classes.size(), classes));
  return {load_data_set(train, training, "to train on", upright),
          load_data_set(val, validation, "to validate", upright)};
}

std::vector<std::size_t> shuffled(std::size_t size, std::uint64_t seed, int epoch) {
  std::vector<std::size_t> order(size);
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::mt19937_64 random{seed * 1'000'003 + std::uint64_t(epoch)};
  for (std::size_t i = size; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

namespace {

template <class Write>
void fill(const DataSet& data, std::span<const std::size_t> indices, int side, Batch& batch,
          Write write) {
  const std::size_t floats = 3 * std::size_t(side) * std::size_t(side);
  batch.images.resize(indices.size() * floats);
  batch.labels.resize(indices.size());
  std::exception_ptr failure;  // no exception may leave a parallel region
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < indices.size(); ++i) {
    batch.labels[i] = data.labels[indices[i]];
    try {
      write(indices[i], std::span(batch.images).subspan(i * floats, floats));
    } catch (...) {
#pragma omp critical(examples_failure)
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

void fill_batch(const DataSet& data, std::span<const std::size_t> indices, int side, Batch& batch) {
  const fl::EvaluationTransform transform{.resize = side, .crop = side};
  fill(data, indices, side, batch,
       [&](std::size_t index, std::span<float> out) { transform(data.images[index], out); });
}

void fill_batch_at_random(const DataSet& data, std::span<const std::size_t> indices, int side,
                          double smallest, std::uint64_t seed, int epoch, Batch& batch) {
  const fl::TrainingTransform transform{.crop = side, .min_scale = smallest};
  fill(data, indices, side, batch, [&](std::size_t index, std::span<float> out) {
    std::mt19937_64 random{(seed * 1'000'003 + std::uint64_t(epoch)) * 1'000'003 + index};
    transform(data.images[index], out, random);
  });
}

}  // namespace examples
