// SPDX-License-Identifier: MIT
// What comes of an epoch and of a training.
#pragma once

#include <vector>

#include "frostline/train/metrics.hpp"

namespace frostline {

/// What an epoch came to; mean losses, and the accuracy from 0 to 1.
struct EpochResult {
  int epoch = 0;             // from 1
  double training_loss = 0;  // mean of the steps' losses by samples, auxiliary ones included
  double validation_loss = 0;
  double validation_accuracy = 0;
  double images_per_second = 0;  // of the training
};

/// What a network says about a data set.
struct Validation {
  Evaluation evaluation;
  ConfusionMatrix confusion{0};         // of samples, or of pixels for a dense head
  std::vector<Prediction> predictions;  // by sample; none for a dense head
};

/// What a training came to. The network's weights are those of the epoch `kept`.
struct FitResult {
  std::vector<EpochResult> epochs;
  int kept = 0;
  Validation validation;  // after the epoch `kept`
  const EpochResult& kept_epoch() const { return epochs[std::size_t(kept) - 1]; }
};

}  // namespace frostline
