// SPDX-License-Identifier: MIT
// The loop over epochs that pretrain and finetune share, compiled once for all of their models.
#include "training.hpp"

#include <cmath>
#include <numeric>

#include "frostline/core/format.hpp"
#include "frostline/train/learning_rate.hpp"
#include "progress.hpp"

namespace examples {

namespace {

/// Batches of a data set as a trainer takes them: its pictures, or their features if those are
/// cached.
class Batches {
 public:
  Batches(AnyTrainer& trainer, const DataSet& data, const TrainingOptions& options)
      : trainer_(&trainer), data_(&data), options_(&options) {}

  /// Computes the features of all of the data set, shown as evaluation shows it.
  void cache(const char* purpose) {
    const bool halves = options_->cache == "f16";
    cache_ = trainer_->cache(data_->size(), {.type = halves ? frostline::ElementType::f16
                                                            : frostline::ElementType::f32});
    Progress progress(fmt::format("features of pictures {}", purpose), data_->size());
    std::vector<std::size_t> indices;
    cache_->fill(
        [&](std::size_t first, std::size_t count) {
          indices.resize(count);
          std::iota(indices.begin(), indices.end(), first);
          fill_batch(*data_, indices, options_->side, batch_);
          return frostline::BatchView{batch_.images, batch_.labels};
        },
        [&](std::size_t done) { progress.advance(done - progress.images()); });
    progress.finish();
    fmt::print("features of the pictures {} are cached: {}, {:.2f} s\n", purpose, cache_->text(),
               progress.seconds());
  }
  AnyBatch as_evaluated(std::span<const std::size_t> indices) {
    if (cache_) return cache_->gather(indices);
    fill_batch(*data_, indices, options_->side, batch_);
    return frostline::BatchView{batch_.images, batch_.labels};
  }
  AnyBatch as_trained(std::span<const std::size_t> indices, int epoch) {
    if (!options_->augment) return as_evaluated(indices);
    fill_batch_at_random(*data_, indices, options_->side, options_->smallest_crop, options_->seed,
                         epoch, batch_);
    return frostline::BatchView{batch_.images, batch_.labels};
  }

 private:
  AnyTrainer* trainer_;
  const DataSet* data_;
  const TrainingOptions* options_;
  Batch batch_;
  std::unique_ptr<frostline::FeatureCache> cache_;
};

/// Caches what can be, and says what is cached and why the rest is not.
void cache_features(const AnyTrainer& trainer, Batches& training, Batches& validation,
                    const TrainingOptions& options) {
  if (options.cache == "none") return;
  if (!trainer.has_features()) {
    fmt::print("no features are cached: no layer in front is frozen\n");
    return;
  }
  if (options.augment)
    fmt::print("features of the pictures to train on are not cached: crops are random\n");
  else
    training.cache("to train on");
  validation.cache("to validate");
}

Predictions predict_all(AnyTrainer& trainer, Batches& batches, std::size_t size,
                        const TrainingOptions& options) {
  Predictions result;
  std::vector<std::size_t> indices;
  const auto most = std::size_t(options.batch);
  for (std::size_t first = 0; first < size; first += most) {
    indices.resize(std::min(most, size - first));
    std::iota(indices.begin(), indices.end(), first);
    const AnyBatch batch = batches.as_evaluated(indices);
    result.evaluation += trainer.evaluate(batch);
    const std::span<const float> logits = trainer.predict(batch);
    const int classes = int(logits.size() / indices.size());
    for (std::size_t n = 0; n < indices.size(); ++n) {
      const float* z = logits.data() + n * std::size_t(classes);
      const int best = frostline::predicted_class({classes, 1, 1}, z);
      double sum = 0;
      for (int c = 0; c < classes; ++c) sum += std::exp(double(z[c] - z[best]));
      result.classes.push_back(best);
      result.probabilities.push_back(float(1 / sum));
    }
  }
  return result;
}

}  // namespace

Training train_and_predict(AnyTrainer& trainer, const DataSet& training, const DataSet& validation,
                           const TrainingOptions& options) {
  const auto batch_size = std::size_t(options.batch);
  const int batches = int((training.size() + batch_size - 1) / batch_size);
  const frostline::CosineSchedule schedule{
      .peak = options.learning_rate, .warmup_steps = batches, .steps = batches * options.epochs};
  Batches shown(trainer, training, options), judged(trainer, validation, options);
  cache_features(trainer, shown, judged, options);
  Training result;
  int step = 0;
  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    Progress progress(fmt::format("epoch {}/{}", epoch, options.epochs), training.size());
    const std::vector<std::size_t> order = shuffled(training.size(), options.seed, epoch);
    for (std::size_t first = 0; first < order.size(); first += batch_size) {
      const auto indices =
          std::span(order).subspan(first, std::min(batch_size, order.size() - first));
      const AnyBatch batch = shown.as_trained(indices, epoch);
      progress.advance(indices.size(), double(trainer.step(batch, schedule(step++))));
    }
    progress.finish();
    result.last = predict_all(trainer, judged, validation.size(), options);
    const EpochResult now{epoch, progress.mean_loss(), result.last.evaluation.loss(),
                          result.last.evaluation.accuracy(), progress.images_per_second()};
    if (!std::isfinite(now.validation_loss))
      throw frostline::Error(fmt::format(
          "the loss of the pictures to validate is not finite after epoch {}: the training "
          "has diverged, and nothing is written; a lower learning rate may help",
          epoch));
    result.epochs.push_back(now);
    fmt::print(
        "epoch {:>3}/{}  loss {:.4f}  validation loss {:.4f}  accuracy {:5.1f} %  "
        "{:.0f} images/s\n",
        epoch, options.epochs, now.training_loss, now.validation_loss,
        100 * now.validation_accuracy, now.images_per_second);
    std::fflush(stdout);
  }
  return result;
}

}  // namespace examples
