// SPDX-License-Identifier: MIT
// Trainer: a network, a loss and an optimizer, and the training step.
#pragma once

#include <cmath>

#include "frostline/losses/cross_entropy.hpp"
#include "frostline/network/network.hpp"
#include "frostline/network/not_finite.hpp"
#include "frostline/optimizers/sgd.hpp"
#include "frostline/train/batch.hpp"
#include "frostline/train/metrics.hpp"

namespace frostline {

/// What a forward begins with.
enum class Source { images, features };

/// Throws: Error unless images (or features) and labels fit each other, and the labels the classes.
inline void check_batch(Source source, Shape in, Shape out, std::span<const float> numbers,
                        std::span<const int> labels, int ignore_index) {
  const std::string_view what = source == Source::images ? "images" : "features";
  if (numbers.empty() || numbers.size() % in.size() != 0)
    throw Error(
        format_text("frostline: the trainer takes {} of {}x{}x{} = {} numbers, got a span of {}",
                    what, in.channels, in.height, in.width, in.size(), numbers.size()));
  const std::size_t samples = numbers.size() / in.size(), wanted = samples * out.pixels();
  if (labels.size() != wanted)
    throw Error(format_text("frostline: the trainer takes {} labels for {} images of {}, got {}",
                            wanted, samples, out.pixels() == 1 ? "one label" : "a label per pixel",
                            labels.size()));
  for (std::size_t i = 0; i < labels.size(); ++i)
    if ((labels[i] < 0 || labels[i] >= out.channels) && labels[i] != ignore_index)
      throw Error(
          format_text("frostline: the trainer takes labels from 0 to {}, got {} as number {}; what "
                      "must not count may have the label {} (CrossEntropy{{.ignore_index}})",
                      out.channels - 1, labels[i], i, ignore_index));
}

/// What Trainer does once its model is known, compiled once for all models of a backend.
template <class Backend, class Loss, class Optimizer>
class TrainingLoop {
  using LossKernel = Kernel<Backend, Loss>;
  using OptimizerKernel = Kernel<Backend, Optimizer>;

 public:
  TrainingLoop(Executor<Backend>& network, const Loss& loss, const Optimizer& optimizer)
      : network_(&network),
        loss_bytes_(whole_lines(LossKernel::workspace_bytes(out(), network.max_batch()))),
        workspace_(allocate(loss_bytes_ + OptimizerKernel::workspace_bytes)),
        buffers_(allocate(network.moved_buffer_bytes())) {
    loss.check();
    prepare(optimizer);
  }

  float step(const Loss& loss, const Optimizer& optimizer, Source source,
             std::span<const float> numbers, std::span<const int> labels) {
    check_batch(source, in(source), out(), numbers, labels, loss.ignore_index);
    loss.check();
    prepare(optimizer);
    take(source, numbers, true);
    if (buffers_.size() > 0) network_->copy_buffers(buffers_);
    const LossCall loss_call = call_for(labels, network_->output_gradient());
    const UpdateCall update_call{.context = &network_->context(),
                                 .threads = network_->threads(),
                                 .parameters = network_->trainable(),
                                 .gradients = network_->gradients(),
                                 .momentum = momentum_.floats(),
                                 .guard = LossKernel::guard_place(loss_call),
                                 .workspace = workspace_.data() + loss_bytes_};
    LossKernel::prepare(loss, loss_call);
    OptimizerKernel::prepare(optimizer, update_call);
    const int batch = loss_call.batch();
    replay_.run(network_->context(), source == Source::images ? batch : -batch, [&] {
      network_->compute(true);
      network_->queue("in the loss", {}, [&] { LossKernel::compute(loss, loss_call); });
      if constexpr (Backend::in_host_memory)
        if (!std::isfinite(LossKernel::guard(loss_call))) return;
      network_->backward(false);
      network_->queue("in the optimizer", {},
                      [&] { OptimizerKernel::update(optimizer, update_call); });
    });
    network_->note_update();
    if (!std::isfinite(LossKernel::guard(loss_call))) fail(LossKernel::mean(loss_call));
    ++steps_;
    return LossKernel::mean(loss_call);
  }

  Evaluation evaluate(const Loss& loss, Source source, std::span<const float> numbers,
                      std::span<const int> labels) {
    check_batch(source, in(source), out(), numbers, labels, loss.ignore_index);
    loss.check();
    const std::size_t sample = in(source).size(), pixels = out().pixels();
    const auto most = std::size_t(network_->max_batch());
    Evaluation result;
    for (std::size_t first = 0; first * sample < numbers.size(); first += most) {
      const std::size_t count = std::min(most, numbers.size() / sample - first);
      const auto truth = labels.subspan(first * pixels, count * pixels);
      take(source, numbers.subspan(first * sample, count * sample), false);
      network_->compute(false);
      const std::span<const float> logits = network_->host_outputs();
      const LossCall call = call_for(truth, {});
      LossKernel::prepare(loss, call);
      network_->queue("in the loss", {}, [&] { LossKernel::compute(loss, call); });
      result += count_correct(out(), logits, truth, loss.ignore_index, LossKernel::mean(call));
    }
    return result;
  }

 private:
  Shape in(Source source) const {
    return source == Source::images ? network_->program().nodes.front().out
                                    : network_->feature_shape();
  }
  void take(Source source, std::span<const float> numbers, bool training) {
    source == Source::images ? network_->take(numbers, training)
                             : network_->take_features(numbers, training);
  }
  Shape out() const { return network_->output_shape(); }
  LossCall call_for(std::span<const int> labels, std::span<float> gradient) const {
    return {.context = &network_->context(),
            .threads = network_->threads(),
            .shape = out(),
            .logits = network_->outputs(),
            .labels = labels,
            .gradient = gradient,
            .workspace = workspace_.data()};
  }
  typename Backend::Memory allocate(std::size_t bytes) const {
    return Backend::allocate(network_->context(), "training the network", bytes);
  }
  /// Puts back what the step's forward moved; its update has not been made. Throws: Error that says
  /// where numbers that are not finite come from.
  [[noreturn]] void fail(float mean) {
    const auto restore = [&] {
      if (buffers_.size() > 0) network_->restore_buffers(buffers_);
    };
    std::string reason;
    try {
      reason = NotFinite(*network_).explain(restore);
    } catch (const std::exception& error) {
      reason = error.what();
    }
    restore();
    network_->forget_step();
    throw Error(format_text("frostline: {} in training step {}: {}. The step was not taken",
                            std::isnan(mean)   ? "the loss is not a number"
                            : std::isinf(mean) ? "the loss is infinite"
                                               : "logits of ignored labels are not finite",
                            steps_ + 1, reason));
  }
  void prepare(const Optimizer& optimizer) {
    optimizer.check();
    if (optimizer.momentum == 0 || momentum_.size() != 0) return;
    momentum_ = allocate(network_->trainable().size_bytes());
    replay_.forget();
  }

  Executor<Backend>* network_;
  std::size_t loss_bytes_;
  typename Backend::Memory momentum_, workspace_;  // the loss's, then the optimizer's
  typename Backend::Replay replay_;
  typename Backend::Memory buffers_;  // as they were before the step, if it moves any
  std::size_t steps_ = 0;             // that were taken
};

/// Trains what trains in a network: `Trainer trainer{network, CrossEntropy{}, Sgd{}}`. It owns the
/// optimizer's state; the network must outlive it.
template <class Net, class Loss, class Optimizer>
class Trainer {
  static_assert(Net::trains,
                "frostline: Trainer requires a model in which something trains; "
                "Unfreeze a part of it or give it a new head with ReplaceHead");

 public:
  /// Throws: Error if the settings of the loss or the optimizer make no sense, or the backend has
  /// no room for the optimizer's state, as large as all that trains.
  Trainer(Net& network, Loss loss_function, Optimizer stepper)
      : loss(loss_function),
        optimizer(stepper),
        network_(&network),
        loop_(network.executor(), loss, optimizer) {}

  Loss loss;            // may be changed between steps,
  Optimizer optimizer;  // its learning rate above all

  /// One step of training on a batch; returns its mean loss, before the step.
  /// Shapes: images (batch, C, H, W), labels (batch), or (batch, H, W) for a dense head.
  /// Throws: Error, with nothing changed, if a size, a label or a setting does not fit, a batch
  /// norm would train on one value per channel, or the loss is not finite: the message then names
  /// the first layer whose output is not.
  float step(std::span<const float> images, std::span<const int> labels) {
    return loop_.step(loss, optimizer, Source::images, images, labels);
  }
  /// The same step from features that the network's frozen beginning gave for the images.
  float step(const FeatureBatch& batch) {
    require_features();
    return loop_.step(loss, optimizer, Source::features, batch.features, batch.labels);
  }

  /// The network's outputs for at most max_batch images, in evaluation mode.
  std::span<const float> predict(std::span<const float> images) {
    return network_->predict(images);
  }

  /// Loss and accuracy over any number of images, in evaluation mode. Throws: as step.
  Evaluation evaluate(std::span<const float> images, std::span<const int> labels) {
    return loop_.evaluate(loss, Source::images, images, labels);
  }
  Evaluation evaluate(const FeatureBatch& batch) {
    require_features();
    return loop_.evaluate(loss, Source::features, batch.features, batch.labels);
  }

 private:
  static constexpr void require_features() {
    static_assert(Net::has_features,
                  "frostline: training from features requires a model with a frozen beginning");
  }
  Net* network_;
  TrainingLoop<typename Net::backend, Loss, Optimizer> loop_;
};

}  // namespace frostline
