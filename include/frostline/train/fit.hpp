// SPDX-License-Identifier: MIT
// fit: the loop over epochs, from data sets to a trained network.
#pragma once

#include <chrono>
#include <cmath>
#include <functional>
#include <optional>

#include "frostline/data/loader.hpp"
#include "frostline/train/fit_result.hpp"
#include "frostline/train/fit_target.hpp"
#include "frostline/train/learning_rate.hpp"
#include "frostline/train/predict_all.hpp"

namespace frostline {

/// The phases of a training.
enum class FitPhase { features_to_train, features_to_validate, training, validation };

/// The progress of a training after a batch.
struct FitProgress {
  FitPhase phase;
  int epoch;                // 0 while features are computed
  std::size_t done, total;  // samples of this phase
  double loss;              // mean over the samples that are done; only in training
};

struct FitOptions {
  int epochs = 10;
  int batch = 0;           // samples per step; 0: the network's max_batch
  std::uint64_t seed = 0;  // for the order of samples and for random crops
  /// The learning rate of a step, counted from 0, such as those of train/schedules.hpp. It
  /// replaces the optimizer's own rate, so that its peak must be given, and is called for step 0
  /// before anything is computed, too. Empty: a CosineSchedule with a warm-up of one epoch, whose
  /// peak is the optimizer's own learning rate.
  std::function<float(int step)> schedule = {};
  /// Whether the weights of the best epoch replace those of the last.
  bool restore_best = true;
  /// The epoch with the largest score is the best; of equal ones, the one with the least validation
  /// loss. Empty: the accuracy.
  std::function<double(const Validation&)> score = {};
  /// How the features of data that do not vary are cached, if the network has a frozen beginning;
  /// nullopt: not at all. There are two caches, so `file` must be empty.
  std::optional<CacheOptions> cache = CacheOptions{};
  LoaderOptions loader = {};
  std::function<void(const FitProgress&)> on_progress = {};
  /// Called after the features of a data set are cached.
  std::function<void(FitPhase, const FeatureCache&)> on_cache = {};
  /// Called after each epoch; false ends the training. With `is_best`, the network now has the best
  /// weights so far and can be saved.
  std::function<bool(const EpochResult&, const Validation&, bool is_best)> on_epoch = {};
};

}  // namespace frostline

namespace frostline::detail {

/// A data set batch by batch, as images or as cached features.
class FitData {
 public:
  FitData(FitTarget& target, const DataView& data, const FitOptions& options)
      : target_(&target), data_(&data), options_(&options) {}

  std::size_t size() const { return data_->facts().size; }
  /// Computes the features of all samples, if the network has features and the samples do not vary.
  void cache(FitPhase phase) {
    if (!options_->cache || data_->facts().varies) return;
    std::unique_ptr<FeatureCache> cache = target_->cache(size(), *options_->cache);
    if (!cache) return;
    for_each(in_order(size()), {options_->seed, 0}, std::size_t(target_->max_batch()),
             [&](const AnyBatch& batch, std::size_t) {
               const auto& [images, labels] = std::get<ImageBatch>(batch);
               cache->append(images, labels);
               report({phase, 0, cache->size(), size(), 0});
             });
    cache_ = std::move(cache);
    if (options_->on_cache) options_->on_cache(phase, *cache_);
  }
  std::unique_ptr<FeatureCache> take_cache() { return std::move(cache_); }
  /// Calls action(AnyBatch, number of samples) for batch after batch in this order.
  template <class Action>
  void for_each(std::vector<std::size_t> order, const Draws& draws, std::size_t most,
                Action action) {
    if (!cache_) {
      Loader loader(*data_, std::move(order), most, draws, options_->loader);
      while (const auto batch = loader.next())
        action(*batch, batch->images.size() / data_->facts().image.size());
      return;
    }
    for (std::size_t first = 0; first < order.size(); first += most) {
      const auto indices = std::span(order).subspan(first, std::min(most, order.size() - first));
      action(cache_->gather(indices), indices.size());
    }
  }
  void report(const FitProgress& progress) const {
    if (options_->on_progress) options_->on_progress(progress);
  }

 private:
  FitTarget* target_;
  const DataView* data_;
  const FitOptions* options_;
  std::unique_ptr<FeatureCache> cache_;
};

/// Throws: Error unless the data set has samples that this network takes.
inline void check_data(const FitTarget& target, const DataFacts& facts, std::string_view purpose) {
  const Shape in = target.input_shape(), out = target.output_shape();
  if (facts.size == 0)
    throw Error(format_text("frostline: fit requires at least one sample {}", purpose));
  if (facts.image != in || facts.labels != out.pixels())
    throw Error(format_text(
        "frostline: fit got samples {} of {}x{}x{} with {} label(s) for a network of {}x{}x{} with "
        "{}",
        purpose, facts.image.channels, facts.image.height, facts.image.width, facts.labels,
        in.channels, in.height, in.width, out.pixels()));
  if (facts.classes != 0 && facts.classes != out.channels)
    throw Error(format_text("frostline: fit got samples {} of {} classes for a network of {}",
                            purpose, facts.classes, out.channels));
}

/// Computes each sample once.
inline Validation validate(FitTarget& target, FitData& data, int epoch) {
  const Shape out = target.output_shape();
  Validation result{{}, ConfusionMatrix(out.channels), {}};
  std::size_t done = 0;
  const auto evaluate = [&](const AnyBatch& batch, std::size_t samples) {
    result.evaluation += target.evaluate(batch);
    const std::span<const float> logits = target.outputs();
    const auto labels = std::visit([](const auto& any) { return any.labels; }, batch);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto sample = logits.subspan(i / out.pixels() * out.size(), out.size());
      if (out.pixels() == 1) result.predictions.push_back(likeliest(sample));
      result.confusion.add(labels[i], out.pixels() == 1
                                          ? result.predictions.back().label
                                          : predicted_class(out, sample.data(), i % out.pixels()));
    }
    data.report({FitPhase::validation, epoch, done += samples, data.size(), 0});
  };
  data.for_each(in_order(data.size()), {}, std::size_t(target.max_batch()), evaluate);
  if (!std::isfinite(result.evaluation.loss()))
    throw Error(epoch == 0
                    ? std::string("frostline: the validation loss is not finite")
                    : format_text("frostline: the validation loss is not finite after epoch {}: "
                                  "the training has diverged; a lower learning rate may help",
                                  epoch));
  return result;
}

/// Trains on all samples once.
inline EpochResult train_epoch(FitTarget& target, FitData& data, int epoch, std::size_t batch,
                               const FitOptions& options,
                               const std::function<float(int)>& schedule) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const Draws draws{options.seed, epoch};
  const auto steps = int((data.size() + batch - 1) / batch);
  double loss = 0;
  std::size_t done = 0;
  int step = steps * (epoch - 1);
  data.for_each(shuffled(data.size(), draws), draws, batch,
                [&](const AnyBatch& samples, std::size_t count) {
                  target.set_learning_rate(schedule(step++));
                  loss += double(target.step(samples)) * double(count);
                  done += count;
                  data.report({FitPhase::training, epoch, done, data.size(), loss / double(done)});
                });
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return {.epoch = epoch,
          .training_loss = loss / double(done),
          .images_per_second = seconds > 0 ? double(done) / seconds : 0};
}

}  // namespace frostline::detail

namespace frostline {

/// The features of a data set, computed once, for example for fit_logistic_regression; null if the
/// samples vary, the model has no frozen beginning or options.cache is empty. Of the options,
/// cache, loader, on_progress and on_cache count; `phase` says for them what the data are for.
/// Throws: as FeatureCache, and what reading a sample throws.
inline std::unique_ptr<FeatureCache> cached_features(FitTarget& target,
                                                     const detail::DataView& data,
                                                     const FitOptions& options = {},
                                                     FitPhase phase = FitPhase::features_to_train) {
  detail::check_data(target, data.facts(), "to train on");
  detail::FitData cached(target, data, options);
  cached.cache(phase);
  return cached.take_cache();
}

/// Evaluates a network on a data set, each sample once, in evaluation mode.
/// Throws: Error if the data set and the network do not fit, or the loss is not finite; and what
/// reading a sample throws.
inline Validation validate(FitTarget& target, const detail::DataView& data,
                           const FitOptions& options = {}) {
  detail::check_data(target, data.facts(), "to validate");
  detail::FitData judged(target, data, options);
  return detail::validate(target, judged, 0);
}

/// Trains a network for some epochs on one data set and evaluates it on another after each:
///
///     fit(trainer, train_set, validation_set, {.epochs = 30, .seed = 1});
///
/// If the optimizer averages the weights (Averaged), the averaged ones are evaluated, and are the
/// result; the training itself goes on from those of the last step.
/// Each sample is computed once per epoch. If the network has a frozen beginning, the features of
/// samples that do not vary are computed only once in all. The order and random crops depend only
/// on the seed and the epoch, not on the number of threads. Afterwards the optimizer has its old
/// learning rate again; its states are those of the last step.
/// Throws: Error, before anything changes, if the options make no sense, or a data set and the
/// network do not fit; later, if the validation loss is not finite, and whatever reading a sample,
/// a step or a callback throws. The network then has the weights of the best epoch so far (with
/// `restore_best`, if an epoch is complete), else those of the last step that was taken.
inline FitResult fit(FitTarget& target, const detail::DataView& train_set,
                     const detail::DataView& validation_set, const FitOptions& options = {}) {
  const int batch = options.batch == 0 ? target.max_batch() : options.batch;
  if (options.epochs < 1 || batch < 1 || batch > target.max_batch())
    throw Error(detail::format_text(
        "frostline: fit requires at least one epoch and batches of 1 to max_batch({}) samples, got "
        "{} epochs and batches of {}",
        target.max_batch(), options.epochs, batch));
  if (options.cache && !options.cache->file.empty())
    throw Error("frostline: fit uses two feature caches, so .cache must not name a file");
  detail::check_data(target, train_set.facts(), "to train on");
  detail::check_data(target, validation_set.facts(), "to validate");
  target.require_batch(std::min(std::size_t(batch), train_set.facts().size));
  if (const std::size_t last = train_set.facts().size % std::size_t(batch); last > 0)
    target.require_batch(last);
  const float peak = target.learning_rate();
  const auto steps = int((train_set.facts().size + std::size_t(batch) - 1) / std::size_t(batch));
  std::function<float(int)> schedule = options.schedule;
  if (!schedule)
    schedule = CosineSchedule{.peak = peak, .warmup_steps = steps, .steps = steps * options.epochs};
  schedule(0);  // throws before anything is computed if its settings make no sense

  detail::FitData training(target, train_set, options), judged(target, validation_set, options);
  training.cache(FitPhase::features_to_train);
  judged.cache(FitPhase::features_to_validate);
  FitResult result;
  double best = 0, least_loss = 0;
  const auto finish = [&] {
    target.set_learning_rate(peak);
    if (options.restore_best && result.kept > 0) target.restore();
  };
  bool goes_on = true;
  try {
    const auto judge = [&](EpochResult now) {
      Validation validation = detail::validate(target, judged, now.epoch);
      now.validation_loss = validation.evaluation.loss();
      now.validation_accuracy = validation.evaluation.accuracy();
      const double score = options.score ? options.score(validation) : now.validation_accuracy;
      const bool is_best = result.epochs.empty() || std::isnan(best) || score > best ||
                           (score == best && now.validation_loss < least_loss);
      if (is_best) {
        best = score;
        least_loss = now.validation_loss;
        if (options.restore_best) target.keep();
      }
      result.epochs.push_back(now);
      goes_on = !options.on_epoch || options.on_epoch(now, validation, is_best);
      if (is_best || !options.restore_best) {
        result.kept = now.epoch;
        result.validation = std::move(validation);
      }
    };
    for (int epoch = 1; goes_on && epoch <= options.epochs; ++epoch) {
      const EpochResult now =
          detail::train_epoch(target, training, epoch, std::size_t(batch), options, schedule);
      target.with_result([&] { judge(now); });
    }
    if (!options.restore_best) target.use_result();
  } catch (...) {
    finish();
    throw;
  }
  finish();
  return result;
}

template <class AnyTrainer>
requires(!std::derived_from<AnyTrainer, FitTarget>) FitResult
    fit(AnyTrainer& trainer, const detail::DataView& train_set,
        const detail::DataView& validation_set, const FitOptions& options = {}) {
  FitTargetOf<AnyTrainer> target(trainer);
  return fit(static_cast<FitTarget&>(target), train_set, validation_set, options);
}

}  // namespace frostline
