// SPDX-License-Identifier: MIT
// The loop over epochs that pretrain and finetune share, compiled once for all of their models.
#include "training.hpp"

#include <cmath>

#include "frostline/core/format.hpp"
#include "frostline/train/learning_rate.hpp"
#include "progress.hpp"

namespace examples {

Predictions predict_all(AnyTrainer& trainer, const DataSet& data, const TrainingOptions& options) {
  Predictions result;
  Batch batch;
  std::vector<std::size_t> indices;
  const auto most = std::size_t(options.batch);
  for (std::size_t first = 0; first < data.size(); first += most) {
    indices.clear();
    for (std::size_t i = first; i < std::min(data.size(), first + most); ++i) indices.push_back(i);
    fill_batch(data, indices, options.side, batch);
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

std::vector<EpochResult> train(AnyTrainer& trainer, const DataSet& training,
                               const DataSet& validation, const TrainingOptions& options) {
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
      fill_batch_at_random(training, indices, options.side, options.smallest_crop, options.seed,
                           epoch, batch);
      progress.advance(indices.size(), double(trainer.step(batch, schedule(step++))));
    }
    progress.finish();
    const Predictions predictions = predict_all(trainer, validation, options);
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
