// SPDX-License-Identifier: MIT
// The results of an epoch and of a training.
#pragma once

#include <vector>

#include "frostline/train/metrics.hpp"

namespace frostline {

/// The result of an epoch: mean losses, and the accuracy from 0 to 1.
struct EpochResult {
  int epoch = 0;             // from 1
  double training_loss = 0;  // mean over samples, auxiliary losses included
  double validation_loss = 0;
  double validation_accuracy = 0;
  double images_per_second = 0;  // in training
};

/// A network's evaluation on a data set.
struct Validation {
  Evaluation evaluation;
  ConfusionMatrix confusion{0};                 // counts samples, or pixels for a dense head
  std::vector<detail::Prediction> predictions;  // one per sample; none for a dense head
};

/// The result of a training. The network's weights are those of the epoch `kept`.
struct FitResult {
  std::vector<EpochResult> epochs;
  int kept = 0;
  Validation validation;  // after the epoch `kept`
  const EpochResult& kept_epoch() const { return epochs[std::size_t(kept) - 1]; }
};

}  // namespace frostline
