// SPDX-License-Identifier: MIT
// Trainer: a network, a loss and an optimizer, and the training step.
#pragma once

#include <cmath>

#include "frostline/network.hpp"
#include "frostline/train/cross_entropy.hpp"
#include "frostline/train/metrics.hpp"
#include "frostline/train/sgd.hpp"

namespace frostline {

/// Trains what trains in a network: `Trainer trainer{network, CrossEntropy{}, Sgd{}}`. It owns the
/// optimizer's state; the network must outlive it.
template <class Net, class Loss, class Optimizer>
class Trainer {
  static_assert(Net::trains,
                "frostline: Trainer requires a model in which something trains; "
                "Unfreeze a part of it or give it a new head with ReplaceHead");

 public:
  Trainer(Net& network, Loss loss_function, Optimizer stepper)
      : loss(loss_function),
        optimizer(stepper),
        network_(&network),
        image_losses_(std::size_t(network.max_batch())) {
    prepare_momentum();
  }

  Loss loss;            // may be changed between steps,
  Optimizer optimizer;  // its learning rate above all

  /// One step of training on a batch; returns its mean loss, before the step.
  /// Shapes: images (batch, C, H, W), labels (batch), or (batch, H, W) for a dense head.
  /// Throws: Error, with nothing changed, if a size or a label does not fit.
  float step(std::span<const float> images, std::span<const int> labels) {
    check(images, labels);
    prepare_momentum();
    const std::span<const float> logits = network_->forward(images, true);
    const float mean =
        KernelOf<Loss>::loss(loss, Net::output_shape, logits, labels, network_->output_gradient(),
                             image_losses_, network_->threads());
    network_->backward();
    KernelOf<Optimizer>::update(optimizer, network_->trainable(), network_->gradients(), momentum_,
                                network_->threads());
    return mean;
  }

  /// The network's outputs for at most max_batch images, in evaluation mode.
  std::span<const float> predict(std::span<const float> images) {
    return network_->predict(images);
  }

  /// Loss and accuracy over any number of images, in evaluation mode. Throws: as step.
  Evaluation evaluate(std::span<const float> images, std::span<const int> labels) {
    constexpr std::size_t sample = Net::input_shape.size(), pixels = Net::output_shape.pixels();
    if (labels.size() * sample != images.size() * pixels) check(images, labels);
    Evaluation result;
    const auto most = std::size_t(network_->max_batch());
    for (std::size_t first = 0; first * sample < images.size(); first += most) {
      const std::size_t count = std::min(most, images.size() / sample - first);
      const auto some = images.subspan(first * sample, count * sample);
      const auto truth = labels.subspan(first * pixels, count * pixels);
      check(some, truth);
      const std::span<const float> logits = network_->predict(some);
      const float mean = KernelOf<Loss>::loss(loss, Net::output_shape, logits, truth, {},
                                              image_losses_, network_->threads());
      result += count_correct(Net::output_shape, logits, truth, loss.ignore_index, mean);
    }
    return result;
  }

 private:
  template <class What>
  using KernelOf = Kernel<typename Net::backend, What>;

  void check(std::span<const float> images, std::span<const int> labels) const {
    constexpr std::size_t sample = Net::input_shape.size(), pixels = Net::output_shape.pixels();
    constexpr int classes = Net::output_shape.channels;
    if (images.empty() || labels.size() * sample != images.size() * pixels)
      throw Error(fmt::format(
          "frostline: the trainer takes {} numbers and {} label(s) an image, got {} and {}", sample,
          pixels, images.size(), labels.size()));
    for (const int label : labels)
      if ((label < 0 || label >= classes) && label != loss.ignore_index)
        throw Error(fmt::format(
            "frostline: the trainer takes labels from 0 to {} (or {}, to be ignored), got {}",
            classes - 1, loss.ignore_index, label));
  }
  void prepare_momentum() {
    if (!(optimizer.learning_rate >= 0 && optimizer.momentum >= 0 && optimizer.weight_decay >= 0))
      throw Error("frostline: Sgd requires learning rate, momentum and weight decay of at least 0");
    if (optimizer.nesterov && optimizer.momentum == 0)
      throw Error("frostline: Sgd requires a momentum above 0 for Nesterov's");
    if (optimizer.momentum != 0 && momentum_.empty())
      momentum_.assign(network_->trainable().size(), 0.0f);
  }

  Net* network_;
  std::vector<float> momentum_;
  std::vector<double> image_losses_;
};

}  // namespace frostline
