// SPDX-License-Identifier: MIT
// The loop over epochs that pretrain and finetune share.
#pragma once

#include <fmt/format.h>

#include <functional>

#include "data_set.hpp"
#include "frostline/train/learning_rate.hpp"
#include "frostline/train/trainer.hpp"
#include "progress.hpp"
#include "report.hpp"

namespace examples {

struct TrainingOptions {
  int epochs = 30;
  int batch = 32;
  float learning_rate = 1e-2f;
  double smallest_crop = 0.5;
  std::uint64_t seed = 0;
};

/// What a trainer's network says of a data set, one prediction a picture.
struct Predictions {
  frostline::Evaluation evaluation;
  std::vector<int> classes;
  std::vector<float> probabilities;
};

template <class Trainer>
Predictions predict_all(Trainer& trainer, const DataSet& data, int side, int batch_size) {
  Predictions result;
  Batch batch;
  std::vector<std::size_t> indices;
  for (std::size_t first = 0; first < data.size(); first += std::size_t(batch_size)) {
    indices.clear();
    for (std::size_t i = first; i < std::min(data.size(), first + std::size_t(batch_size)); ++i)
      indices.push_back(i);
    fill_batch(data, indices, side, batch);
    result.evaluation += trainer.evaluate(batch.images, batch.labels);
    const std::span<const float> logits = trainer.predict(batch.images);
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

/// Trains for all epochs, printing one line each; returns what each came to.
template <class Trainer>
std::vector<EpochResult> train(Trainer& trainer, const DataSet& training, const DataSet& validation,
                               int side, const TrainingOptions& options) {
  const auto batch_size = std::size_t(options.batch);
  const int batches = int((training.size() + batch_size - 1) / batch_size);
  const frostline::CosineSchedule schedule{
      .peak = options.learning_rate, .warmup_steps = batches, .steps = batches * options.epochs};
  std::vector<EpochResult> results;
  Batch batch;
  int step = 0;
  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    Progress progress(fmt::format("epoch {}/{}", epoch, options.epochs), training.size());
    const std::vector<std::size_t> order = shuffled(training.size(), options.seed, epoch);
    for (std::size_t first = 0; first < order.size(); first += batch_size) {
      const auto indices =
          std::span(order).subspan(first, std::min(batch_size, order.size() - first));
      fill_batch_at_random(training, indices, side, options.smallest_crop, options.seed, epoch,
                           batch);
      trainer.optimizer.learning_rate = schedule(step++);
      progress.advance(indices.size(), double(trainer.step(batch.images, batch.labels)));
    }
    progress.finish();
    const Predictions predictions = predict_all(trainer, validation, side, options.batch);
    results.push_back({epoch, progress.mean_loss(), predictions.evaluation.loss(),
                       predictions.evaluation.accuracy(), progress.images_per_second()});
    fmt::print(
        "epoch {:>3}/{}  loss {:.4f}  validation loss {:.4f}  accuracy {:5.1f} %  "
        "{:.0f} images/s\n",
        epoch, options.epochs, results.back().training_loss, results.back().validation_loss,
        100 * results.back().validation_accuracy, results.back().images_per_second);
    std::fflush(stdout);
  }
  return results;
}

}  // namespace examples
