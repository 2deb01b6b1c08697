// SPDX-License-Identifier: MIT
// What finetune does with any of its models: train, judge, and write down what came of it.
#pragma once

#include <filesystem>

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

/// Trains, prints the confusion matrix, and writes result.json and report.html.
void finetune(AnyTrainer& trainer, const NetworkFacts& network, const DataSet& training,
              const DataSet& validation, const FinetuningOptions& options);

}  // namespace examples
