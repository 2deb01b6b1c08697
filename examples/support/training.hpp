// SPDX-License-Identifier: MIT
// The loop over epochs that pretrain and finetune share, compiled once for all of their models.
#pragma once

#include <memory>
#include <span>

#include "data_set.hpp"
#include "frostline/train/feature_cache.hpp"
#include "frostline/train/metrics.hpp"
#include "report.hpp"

namespace examples {

struct TrainingOptions {
  int epochs = 30;
  int batch = 32;
  int side = 96;  // of the network's input
  float learning_rate = 1e-2f;
  bool upright = false;  // photos are turned as their EXIF data say
  bool augment = true;   // training pictures are cropped and mirrored at random
  double smallest_crop = 0.5;
  std::string cache = "f32";  // how features are cached where they can be: f32, f16 or none
  std::uint64_t seed = 0;
};

/// A trainer of any model on any backend, seen from the outside. Where the model has a frozen
/// prefix, the trainer takes features, which that gives, instead of pictures.
class AnyTrainer {
 public:
  virtual ~AnyTrainer() = default;
  virtual float step(const frostline::BatchView& batch, float learning_rate) = 0;
  virtual frostline::Evaluation evaluate(const frostline::BatchView& batch) = 0;
  virtual std::span<const float> predict(const frostline::BatchView& batch) = 0;
  virtual bool has_prefix() const = 0;
  virtual std::span<const float> features(std::span<const float> images) = 0;
  virtual std::unique_ptr<frostline::FeatureCache> cache(
      std::size_t samples, const frostline::CacheOptions& options) = 0;
};

template <class Trainer, class Backend = frostline::cpu>
class TrainerOf final : public AnyTrainer {
 public:
  explicit TrainerOf(Trainer& trainer, frostline::Executor<Backend>* prefix = nullptr)
      : trainer_(&trainer), prefix_(prefix) {}
  float step(const frostline::BatchView& batch, float learning_rate) override {
    trainer_->optimizer.learning_rate = learning_rate;
    return trainer_->step(batch.numbers, batch.labels);
  }
  frostline::Evaluation evaluate(const frostline::BatchView& batch) override {
    return trainer_->evaluate(batch.numbers, batch.labels);
  }
  std::span<const float> predict(const frostline::BatchView& batch) override {
    return trainer_->predict(batch.numbers);
  }
  bool has_prefix() const override { return prefix_; }
  std::span<const float> features(std::span<const float> images) override {
    return prefix_->forward(images, false);
  }
  std::unique_ptr<frostline::FeatureCache> cache(std::size_t samples,
                                                 const frostline::CacheOptions& options) override {
    return std::make_unique<frostline::FeatureCache>(*prefix_, samples, options);
  }

 private:
  Trainer* trainer_;
  frostline::Executor<Backend>* prefix_;
};

/// What a network says of a data set, one prediction a picture.
struct Predictions {
  frostline::Evaluation evaluation;
  std::vector<int> classes;
  std::vector<float> probabilities;
};

/// What a training came to: each epoch, and what the network says in the end of the pictures to
/// validate.
struct Training {
  std::vector<EpochResult> epochs;
  Predictions last;
};

/// Trains for all epochs, printing one line each. A frozen prefix runs once over pictures that are
/// shown the same each time: those to validate, and, without `augment`, those to train on.
Training train_and_predict(AnyTrainer& trainer, const DataSet& training, const DataSet& validation,
                           const TrainingOptions& options);

/// The same, of which only what the epochs came to is of interest.
inline std::vector<EpochResult> train(AnyTrainer& trainer, const DataSet& training,
                                      const DataSet& validation, const TrainingOptions& options) {
  return train_and_predict(trainer, training, validation, options).epochs;
}

}  // namespace examples
