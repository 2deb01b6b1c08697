// SPDX-License-Identifier: MIT
// The loop over epochs that pretrain and finetune share, compiled once for all of their models.
#pragma once

#include <memory>
#include <span>
#include <variant>

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

/// Pictures, or their features, with labels.
using AnyBatch = std::variant<frostline::BatchView, frostline::FeatureBatch>;

/// A trainer of any model on any backend, seen from the outside. Where the model has a frozen
/// beginning, the trainer also takes features.
class AnyTrainer {
 public:
  virtual ~AnyTrainer() = default;
  virtual float step(const AnyBatch& batch, float learning_rate) = 0;
  virtual frostline::Evaluation evaluate(const AnyBatch& batch) = 0;
  virtual std::span<const float> predict(const AnyBatch& batch) = 0;
  virtual bool has_features() const = 0;
  virtual std::unique_ptr<frostline::FeatureCache> cache(
      std::size_t samples, const frostline::CacheOptions& options) = 0;
};

template <class Network, class Trainer>
class TrainerOf final : public AnyTrainer {
 public:
  TrainerOf(Network& network, Trainer& trainer) : network_(&network), trainer_(&trainer) {}
  float step(const AnyBatch& batch, float learning_rate) override {
    trainer_->optimizer.learning_rate = learning_rate;
    return visit(
        batch, [&](const auto& images) { return trainer_->step(images.numbers, images.labels); },
        [&](const auto& features) { return trainer_->step(features); });
  }
  frostline::Evaluation evaluate(const AnyBatch& batch) override {
    return visit(
        batch,
        [&](const auto& images) { return trainer_->evaluate(images.numbers, images.labels); },
        [&](const auto& features) { return trainer_->evaluate(features); });
  }
  std::span<const float> predict(const AnyBatch& batch) override {
    return visit(
        batch, [&](const auto& images) { return network_->predict(images.numbers); },
        [&](const auto& cached) { return network_->predict_features(cached.features); });
  }
  bool has_features() const override { return Network::has_features; }
  std::unique_ptr<frostline::FeatureCache> cache(std::size_t samples,
                                                 const frostline::CacheOptions& options) override {
    if constexpr (Network::has_features)
      return std::make_unique<frostline::FeatureCache>(*network_, samples, options);
    else
      throw frostline::Error("no layer in front is frozen");
  }

 private:
  template <class OfImages, class OfFeatures>
  static auto visit(const AnyBatch& batch, OfImages of_images, OfFeatures of_features) {
    if constexpr (Network::has_features)
      if (const auto* features = std::get_if<frostline::FeatureBatch>(&batch))
        return of_features(*features);
    return of_images(std::get<frostline::BatchView>(batch));
  }
  Network* network_;
  Trainer* trainer_;
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
