// SPDX-License-Identifier: MIT
// Reads folders of training and validation pictures, with a progress bar.
#include "data_set.hpp"

#include <fmt/format.h>

#include "frostline/data/stratified_split.hpp"
#include "progress.hpp"

namespace examples {

namespace fl = frostline;

namespace {

void print_skipped(const fl::ImageFolder& folder) {
  if (const std::string skipped = folder.skipped_text(); !skipped.empty())
    fmt::print(stderr, "{}\n", skipped);
}

fl::ImageFolder part_of(const fl::ImageFolder& whole, const std::vector<std::size_t>& indices) {
  fl::ImageFolder part = whole;
  part.samples.clear();
  for (const std::size_t i : indices) part.samples.push_back(whole.samples[i]);
  return part;
}

}  // namespace

Folders open_folders(const std::filesystem::path& root, std::uint64_t seed) {
  const auto check = [](const fl::ImageFolder& folder) {
    if (folder.classes.size() < 2)
      throw fl::Error(fmt::format("'{}' has one class, '{}', but a classifier needs at least two",
                                  folder.root.string(), folder.classes[0]));
    print_skipped(folder);
  };
  if (is_directory(root / "train") || is_directory(root / "val")) {
    auto [train, val] = fl::open_train_and_val(root);
    check(train);
    print_skipped(val);
    return {std::move(train), std::move(val), ""};
  }
  const fl::ImageFolder whole(root);
  check(whole);
  std::vector<int> labels;
  for (const fl::Sample& sample : whole.samples) labels.push_back(sample.label);
  const auto split = fl::stratified_split(labels, 0.2, seed);
  if (split.held_out.empty())
    throw fl::Error(
        fmt::format("each class of '{}' has only one picture, so that none is left to validate",
                    root.string()));
  return {
      part_of(whole, split.train), part_of(whole, split.held_out),
      fmt::format("'{}' has no train/ and val/: a fifth of each class's pictures, chosen by seed "
                  "{}, validates",
                  root.string(), seed)};
}

fl::ImageDataSet load_pictures(const fl::ImageFolder& folder,
                               const fl::ImageDataSet::Transform& transform, const char* purpose,
                               bool upright, std::size_t memory) {
  Progress progress(fmt::format("reading pictures {}", purpose), folder.size());
  fl::ImageDataOptions options{.memory = memory};
  if (upright) options.decode.orientation = fl::Orientation::upright;
  options.on_read = [&](std::size_t done) { progress.show(done); };
  fl::ImageDataSet data(folder, transform, options);
  progress.finish();
  return data;
}

DataSets load_data_sets(const std::filesystem::path& root, int classes,
                        const fl::ImageDataSet::Transform& training,
                        const fl::ImageDataSet::Transform& validation, bool upright) {
  auto [train, val] = fl::open_train_and_val(root);
  if (int(train.classes.size()) != classes)
    throw fl::Error(
        fmt::format("'{}' has {} classes, but this program is compiled for {}: change the number "
                    "`classes` in its source and build it again",
                    train.root.string(), train.classes.size(), classes));
  print_skipped(train);
  print_skipped(val);
  return {load_pictures(train, training, "to train on", upright),
          load_pictures(val, validation, "to validate", upright)};
}

}  // namespace examples
