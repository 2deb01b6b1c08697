// SPDX-License-Identifier: MIT
// The part of finetune that is the same for all models: training, evaluation, results.
#pragma once

#include <filesystem>
#include <functional>

#include "class_activation_map.hpp"
#include "data_set.hpp"
#include "frostline/train/fit_target.hpp"

namespace examples {

struct FinetuningOptions {
  std::string mode = "head";
  std::string data = "examples/data/clipart10";
  std::string weights = "examples/data/resnet18-w16.safetensors";
  std::string out = "out";
  int epochs = 30;
  int batch = 32;
  int side = 96;  // of the network's input
  float learning_rate = 0;
  bool upright = false;        // photos are turned as their EXIF data say
  bool augment = true;         // training pictures are cropped and mirrored at random
  double smallest_crop = 0.8;  // a frozen backbone cannot learn what a crop does to its features
  std::string cache = "f32";   // how features are cached, if possible: f32, f16 or none
  bool best = false;           // the weights of the best epoch are written, not those of the last
  std::uint64_t seed = 0;
};

/// Facts about a network, for the report.
struct NetworkFacts {
  std::size_t trainable, parameters;
  int threads;
};

/// Checks before the work that its results can be written; the weights take this many bytes.
/// Throws: Error that says what is missing.
void prepare_finetuning(const FinetuningOptions& options, std::size_t weight_bytes);

/// The pictures of options.data, transformed as the options say.
DataSets load_pictures(const FinetuningOptions& options, int classes);

/// Trains, then first calls `save`, since the weights took the most work; prints the confusion
/// matrix and writes result.json and report.html. `features`, which is called after `save`, gives
/// the report its heat maps; without it there are none.
void finetune(frostline::FitTarget& trainer, const NetworkFacts& network, const DataSets& data,
              const FinetuningOptions& options, const std::function<void()>& save,
              const std::function<LastFeatures()>& features = {});

}  // namespace examples
