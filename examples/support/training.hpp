// SPDX-License-Identifier: MIT
// The loop over epochs that pretrain and finetune share, compiled once for all of their models.
#pragma once

#include <span>

#include "data_set.hpp"
#include "frostline/train/metrics.hpp"
#include "report.hpp"

namespace examples {

struct TrainingOptions {
  int epochs = 30;
  int batch = 32;
  int side = 96;  // of the network's input
  float learning_rate = 1e-2f;
  double smallest_crop = 0.5;
  std::uint64_t seed = 0;
};

/// A trainer of any model, seen from the outside.
class AnyTrainer {
 public:
  virtual ~AnyTrainer() = default;
  virtual float step(const Batch& batch, float learning_rate) = 0;
  virtual frostline::Evaluation evaluate(const Batch& batch) = 0;
  virtual std::span<const float> predict(const Batch& batch) = 0;
};

template <class Trainer>
class TrainerOf final : public AnyTrainer {
 public:
  explicit TrainerOf(Trainer& trainer) : trainer_(&trainer) {}
  float step(const Batch& batch, float learning_rate) override {
    trainer_->optimizer.learning_rate = learning_rate;
    return trainer_->step(batch.images, batch.labels);
  }
  frostline::Evaluation evaluate(const Batch& batch) override {
    return trainer_->evaluate(batch.images, batch.labels);
  }
  std::span<const float> predict(const Batch& batch) override {
    return trainer_->predict(batch.images);
  }

 private:
  Trainer* trainer_;
};

/// What a network says of a data set, one prediction a picture.
struct Predictions {
  frostline::Evaluation evaluation;
  std::vector<int> classes;
  std::vector<float> probabilities;
};
Predictions predict_all(AnyTrainer& trainer, const DataSet& data, const TrainingOptions& options);

/// Trains for all epochs, printing one line each; returns what each came to.
std::vector<EpochResult> train(AnyTrainer& trainer, const DataSet& training,
                               const DataSet& validation, const TrainingOptions& options);

}  // namespace examples
