// SPDX-License-Identifier: MIT
// What finetune does with any of its models: train, judge, and write down what came of it.
#pragma once

#include <filesystem>
#include <functional>

#include "training.hpp"

namespace examples {

struct FinetuningOptions : TrainingOptions {
  std::string mode = "head";
  std::string data = "examples/data/clipart10";
  std::string weights = "examples/data/resnet18-w16.safetensors";
  std::string out = "out";
};

/// A network in words.
struct NetworkFacts {
  std::size_t trainable, parameters;
  int threads;
};

/// Finds out before the work whether its results can be written, of which the weights take so many
/// bytes. Throws: Error that says what is missing.
void prepare_finetuning(const FinetuningOptions& options, std::size_t weight_bytes);

/// The pictures of options.data, kept as large as these options need them.
DataSets load_pictures(const FinetuningOptions& options, int classes);

/// Trains, then calls `save`, since the weights are what took long; prints the confusion matrix,
/// and writes result.json and report.html.
void finetune(AnyTrainer& trainer, const NetworkFacts& network, const DataSets& data,
              const FinetuningOptions& options, const std::function<void()>& save);

}  // namespace examples
