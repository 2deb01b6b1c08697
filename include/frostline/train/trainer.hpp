// SPDX-License-Identifier: MIT
// Trainer: a network, a loss and an optimizer, and the training step.
#pragma once

#include <cmath>

#include "frostline/network.hpp"
#include "frostline/train/cross_entropy.hpp"
#include "frostline/train/metrics.hpp"
#include "frostline/train/sgd.hpp"

namespace frostline {

/// Throws: Error unless images and labels fit each other, and the labels the classes.
inline void check_batch(Shape in, Shape out, std::span<const float> images,
                        std::span<const int> labels, int ignore_index) {
  if (images.empty() || images.size() % in.size() != 0 ||
      labels.size() != images.size() / in.size() * out.pixels())
    throw Error(format_text(
        "frostline: the trainer takes {} numbers and {} label(s) an image, got {} and {}",
        in.size(), out.pixels(), images.size(), labels.size()));
  for (const int label : labels)
    if ((label < 0 || label >= out.channels) && label != ignore_index)
      throw Error(format_text(
          "frostline: the trainer takes labels from 0 to {} (or {}, to be ignored), got {}",
          out.channels - 1, ignore_index, label));
}

/// What Trainer does once its model is known, compiled once for all models of a backend.
template <class Backend, class Loss, class Optimizer>
class TrainingLoop {
  using LossKernel = Kernel<Backend, Loss>;
  using OptimizerKernel = Kernel<Backend, Optimizer>;

 public:
  TrainingLoop(Executor<Backend>& network, const Optimizer& optimizer)
      : network_(&network),
        loss_bytes_(whole_lines(LossKernel::workspace_bytes(out(), network.max_batch()))),
        workspace_(allocate(loss_bytes_ + OptimizerKernel::workspace_bytes)) {
    prepare(optimizer);
  }

  float step(const Loss& loss, const Optimizer& optimizer, std::span<const float> images,
             std::span<const int> labels) {
    check_batch(in(), out(), images, labels, loss.ignore_index);
    prepare(optimizer);
    network_->take(images, true);
    const LossCall loss_call = call_for(labels, network_->output_gradient());
    const UpdateCall update_call{.context = &network_->context(),
                                 .threads = network_->threads(),
                                 .parameters = network_->trainable(),
                                 .gradients = network_->gradients(),
                                 .momentum = momentum_.floats(),
                                 .workspace = workspace_.data() + loss_bytes_};
    LossKernel::prepare(loss, loss_call);
    OptimizerKernel::prepare(optimizer, update_call);
    replay_.run(network_->context(), loss_call.batch(), [&] {
      network_->compute(true);
      network_->queue("in the loss", {}, [&] { LossKernel::compute(loss, loss_call); });
      network_->backward(false);
      network_->queue("in the optimizer", {},
                      [&] { OptimizerKernel::update(optimizer, update_call); });
    });
    network_->note_update();
    return LossKernel::mean(loss_call);
  }

  Evaluation evaluate(const Loss& loss, std::span<const float> images,
                      std::span<const int> labels) {
    check_batch(in(), out(), images, labels, loss.ignore_index);
    const std::size_t sample = in().size(), pixels = out().pixels();
    const auto most = std::size_t(network_->max_batch());
    Evaluation result;
    for (std::size_t first = 0; first * sample < images.size(); first += most) {
      const std::size_t count = std::min(most, images.size() / sample - first);
      const auto truth = labels.subspan(first * pixels, count * pixels);
      const std::span<const float> logits =
          network_->forward(images.subspan(first * sample, count * sample), false);
      const LossCall call = call_for(truth, {});
      LossKernel::prepare(loss, call);
      network_->queue("in the loss", {}, [&] { LossKernel::compute(loss, call); });
      result += count_correct(out(), logits, truth, loss.ignore_index, LossKernel::mean(call));
    }
    return result;
  }

 private:
  Shape in() const { return network_->program().nodes.front().out; }
  Shape out() const { return network_->program().nodes.back().out; }
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
    Backend::require_room(network_->context(), "training the network", bytes);
    return typename Backend::Memory(bytes);
  }
  void prepare(const Optimizer& optimizer) {
    if (!(optimizer.learning_rate >= 0 && optimizer.momentum >= 0 && optimizer.weight_decay >= 0))
      throw Error("frostline: Sgd requires learning rate, momentum and weight decay of at least 0");
    if (optimizer.nesterov && optimizer.momentum == 0)
      throw Error("frostline: Sgd requires a momentum above 0 for Nesterov's");
    if (optimizer.momentum == 0 || momentum_.size() != 0) return;
    momentum_ = allocate(network_->trainable().size_bytes());
    replay_.forget();
  }

  Executor<Backend>* network_;
  std::size_t loss_bytes_;
  typename Backend::Memory momentum_, workspace_;  // the loss's, then the optimizer's
  typename Backend::Replay replay_;
};

/// Trains what trains in a network: `Trainer trainer{network, CrossEntropy{}, Sgd{}}`. It owns the
/// optimizer's state; the network must outlive it.
template <class Net, class Loss, class Optimizer>
class Trainer {
  static_assert(Net::trains,
                "frostline: Trainer requires a model in which something trains; "
                "Unfreeze a part of it or give it a new head with ReplaceHead");

 public:
  /// Throws: Error if the optimizer's settings make no sense, or the backend has no room for its
  /// state, as large as all that trains.
  Trainer(Net& network, Loss loss_function, Optimizer stepper)
      : loss(loss_function),
        optimizer(stepper),
        network_(&network),
        loop_(network.executor(), optimizer) {}

  Loss loss;            // may be changed between steps,
  Optimizer optimizer;  // its learning rate above all

  /// One step of training on a batch; returns its mean loss, before the step.
  /// Shapes: images (batch, C, H, W), labels (batch), or (batch, H, W) for a dense head.
  /// Throws: Error, with nothing changed, if a size or a label does not fit.
  float step(std::span<const float> images, std::span<const int> labels) {
    return loop_.step(loss, optimizer, images, labels);
  }

  /// The network's outputs for at most max_batch images, in evaluation mode.
  std::span<const float> predict(std::span<const float> images) {
    return network_->predict(images);
  }

  /// Loss and accuracy over any number of images, in evaluation mode. Throws: as step.
  Evaluation evaluate(std::span<const float> images, std::span<const int> labels) {
    return loop_.evaluate(loss, images, labels);
  }

 private:
  Net* network_;
  TrainingLoop<typename Net::backend, Loss, Optimizer> loop_;
};

}  // namespace frostline
