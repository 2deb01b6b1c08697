// SPDX-License-Identifier: MIT
// FitTarget: the interface of any trainer for `fit`, so that its loop is compiled only once.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "frostline/data/data_set.hpp"
#include "frostline/optimizers/optimizer.hpp"
#include "frostline/program/named_tensor.hpp"
#include "frostline/train/batch.hpp"
#include "frostline/train/feature_cache.hpp"
#include "frostline/train/metrics.hpp"

namespace frostline::detail {

/// Images or features, and their labels.
using AnyBatch = std::variant<ImageBatch, FeatureBatch>;

}  // namespace frostline::detail

namespace frostline {

/// A trainer of any model, loss and optimizer, on any backend.
class FitTarget {
 public:
  virtual ~FitTarget() = default;
  virtual Shape input_shape() const = 0;
  virtual Shape output_shape() const = 0;
  virtual int max_batch() const = 0;
  virtual float learning_rate() const = 0;
  virtual void set_learning_rate(float rate) = 0;
  virtual float step(const detail::AnyBatch& batch) = 0;
  /// Throws: Error if the network cannot train on a batch of this many samples.
  virtual void require_batch(std::size_t samples) const = 0;
  virtual Evaluation evaluate(const detail::AnyBatch& batch) = 0;
  /// The network's outputs for the batch that was evaluated last, of at most max_batch samples.
  virtual std::span<const float> outputs() = 0;
  /// A cache for this many samples; null if the model has no frozen beginning.
  virtual std::unique_ptr<FeatureCache> cache(std::size_t samples, const CacheOptions& options) = 0;
  /// Copies the trainable parameters and all buffers.
  virtual void keep() = 0;
  /// Copies back what `keep` copied.
  virtual void restore() = 0;
  /// Calls the action while the network has the weights that are the training's result: the
  /// averaged ones if the optimizer averages them, else those of the last step.
  virtual void with_result(const std::function<void()>& action) { action(); }
  /// Makes the result's weights the network's.
  virtual void use_result() {}
};

template <class AnyTrainer>
class FitTargetOf final : public FitTarget {
  using Net = typename AnyTrainer::network_type;
  static constexpr bool averages = detail::KeepsAverage<decltype(AnyTrainer::optimizer)>;

 public:
  explicit FitTargetOf(AnyTrainer& trainer) : trainer_(&trainer) {}
  Shape input_shape() const override { return Net::input_shape; }
  Shape output_shape() const override { return network().output_shape; }
  int max_batch() const override { return network().max_batch(); }
  float learning_rate() const override { return trainer_->optimizer.learning_rate; }
  void set_learning_rate(float rate) override { trainer_->optimizer.learning_rate = rate; }
  void require_batch(std::size_t samples) const override {
    network().executor().require_statistics(int(samples));
  }
  float step(const detail::AnyBatch& batch) override {
    if constexpr (Net::has_features)
      if (const auto* cached = std::get_if<detail::FeatureBatch>(&batch))
        return trainer_->step(*cached);
    const auto& [images, labels] = std::get<detail::ImageBatch>(batch);
    return trainer_->step(images, labels);
  }
  Evaluation evaluate(const detail::AnyBatch& batch) override {
    if constexpr (Net::has_features)
      if (const auto* cached = std::get_if<detail::FeatureBatch>(&batch))
        return trainer_->evaluate(*cached);
    const auto& [images, labels] = std::get<detail::ImageBatch>(batch);
    return trainer_->evaluate(images, labels);
  }
  std::span<const float> outputs() override { return network().executor().host_outputs(); }
  std::unique_ptr<FeatureCache> cache(std::size_t samples, const CacheOptions& options) override {
    if constexpr (Net::has_features)
      return std::make_unique<FeatureCache>(network(), samples, options);
    else
      return nullptr;
  }
  void keep() override {
    kept_.clear();
    for (NamedTensor& tensor : network().tensors()) {
      if (!tensor.trains && !tensor.is_buffer) continue;
      Kept now{std::move(tensor), {}, {}};
      if (now.tensor.type == ElementType::i64) {
        now.integers.resize(now.tensor.size);
        network().read(now.tensor, std::span(now.integers));
      } else {
        now.floats.resize(now.tensor.size);
        network().read(now.tensor, std::span(now.floats));
      }
      kept_.push_back(std::move(now));
    }
  }
  void restore() override {
    for (const Kept& kept : kept_)
      if (kept.tensor.type == ElementType::i64)
        network().write(kept.tensor, std::span(kept.integers));
      else
        network().write(kept.tensor, std::span(kept.floats));
  }
  void with_result(const std::function<void()>& action) override {
    if constexpr (averages)
      trainer_->with_average(action);
    else
      action();
  }
  void use_result() override {
    if constexpr (averages) trainer_->use_average();
  }

 private:
  struct Kept {
    NamedTensor tensor;
    std::vector<float> floats;
    std::vector<std::int64_t> integers;
  };
  Net& network() const { return trainer_->network(); }

  AnyTrainer* trainer_;
  std::vector<Kept> kept_;
};

}  // namespace frostline
