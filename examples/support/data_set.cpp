// SPDX-License-Identifier: MIT
// Reads folders of training and validation pictures, with a progress bar.
#include "data_set.hpp"

#include <fmt/format.h>

#include "progress.hpp"

namespace examples {

namespace fl = frostline;

static fl::ImageDataSet load(fl::ImageFolder folder, const fl::ImageDataSet::Transform& transform,
                             const char* purpose, bool upright) {
  if (const std::string skipped = folder.skipped_text(); !skipped.empty())
    fmt::print(stderr, "{}\n", skipped);
  Progress progress(fmt::format("reading pictures {}", purpose), folder.size());
  fl::ImageDataOptions options;
  if (upright) options.decode.orientation = fl::Orientation::upright;
  options.on_read = [&](std::size_t done) { progress.show(done); };
  fl::ImageDataSet data(std::move(folder), transform, options);
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
                    "`classes` in its source (finetune: examples/support/finetune_models.hpp and "
                    "examples/predict.cpp) and build it again",
                    train.root.string(), train.classes.size(), classes));
  return {load(std::move(train), training, "to train on", upright),
          load(std::move(val), validation, "to validate", upright)};
}

}  // namespace examples
