// SPDX-License-Identifier: MIT
// Trainer: a network, a loss and an optimizer, and the training step.
#pragma once

#include "frostline/network/network.hpp"
#include "frostline/optimizers/adamw.hpp"
#include "frostline/optimizers/averaged.hpp"
#include "frostline/optimizers/clip_norm.hpp"
#include "frostline/optimizers/sgd.hpp"
#include "frostline/train/batch.hpp"
#include "frostline/train/training_loop.hpp"

namespace frostline {

/// Trains a network: `Trainer trainer{network, CrossEntropy{}, Sgd{}}`, or with transforms of the
/// gradients before the optimizer: `Trainer trainer{network, CrossEntropy{}, AdamW{},
/// ClipNorm{1.0f}}`. It owns the optimizer's states; the network must outlive it.
template <class Net, class Loss, class Optimizer, class... Transforms>
class Trainer {
  static_assert(Net::trains,
                "frostline: Trainer requires a model with trainable parameters; "
                "Unfreeze a part of it or give it a new head with ReplaceHead");
  static_assert(LossFor<Loss, typename Net::backend>,
                "frostline: Trainer requires a loss with `int ignore_index`, `check() const` and a "
                "Kernel<Backend, Loss> as LossCall describes it, such as CrossEntropy");
  static_assert(
      IsOptimizer<Optimizer>,
      "frostline: Trainer requires an optimizer with an array `states` of names, `check() "
      "const` and `operator()(Element<float, states.size()>&) const`, such as Sgd");
  static_assert((GradientTransformFor<Transforms, typename Net::backend> && ...),
                "frostline: Trainer requires gradient transforms with `check()`, `explain(double)` "
                "and a Kernel<Backend, Transform>, such as ClipNorm");

 public:
  using network_type = Net;
  /// Throws: Error if settings make no sense, or there is too little memory for the optimizer's
  /// states, each as large as all trainable parameters.
  Trainer(Net& network, Loss loss_function, Optimizer stepper, Transforms... gradient_transforms)
      : loss(loss_function),
        optimizer(stepper),
        transforms(gradient_transforms...),
        network_(&network),
        loop_(network.executor(), settings()) {}

  // May be changed between steps, for example the optimizer's learning rate:
  Loss loss;
  Optimizer optimizer;
  [[no_unique_address]] std::tuple<Transforms...> transforms;

  Net& network() const { return *network_; }

  /// One training step: accumulate and update. Returns the batch's mean loss before the update.
  /// Shapes: images (batch, C, H, W), labels (batch), or (batch, H, W) for a dense head.
  /// Throws: Error, with nothing changed, if a size, a label or a setting does not fit, a batch
  /// norm would train on one value per channel, the loss is not finite (the message then names the
  /// first layer whose output is not), or a transform refuses the gradients.
  float step(std::span<const float> images, std::span<const int> labels) {
    return loop_.step(settings(), {Source::images, images, labels});
  }
  /// The same step with the features of the images.
  float step(const detail::FeatureBatch& batch) { return loop_.step(settings(), of(batch)); }

  /// The first half of a step: adds a batch's gradients to those of the batches since the last
  /// update, or assigns them if it is the first. Returns the batch's mean loss. Throws: as step;
  /// the gradients accumulated before stay, as do the parameters and running statistics.
  float accumulate(std::span<const float> images, std::span<const int> labels) {
    return loop_.accumulate(settings(), {Source::images, images, labels});
  }
  float accumulate(const detail::FeatureBatch& batch) {
    return loop_.accumulate(settings(), of(batch));
  }
  /// The second half: updates the parameters with the gradients of the mean loss over all labels
  /// since the last update that are not ignored. They equal those of one large batch (except for
  /// the effect of batch statistics). Throws: Error, with nothing changed, if nothing was
  /// accumulated, a setting makes no sense, or a transform refuses the gradients. The accumulated
  /// gradients are dropped in the last case, and if another forward with training or a write of
  /// weights came in between.
  /// Running statistics stay as the accumulated batches left them.
  void update() { loop_.update(settings()); }
  /// The number of batches accumulated since the last update.
  std::size_t accumulated() const { return loop_.accumulated(); }
  /// Drops the accumulated gradients.
  void discard() { loop_.discard(); }

  /// The network's outputs for at most max_batch images, in evaluation mode.
  std::span<const float> predict(std::span<const float> images) {
    return network_->predict(images);
  }

  /// Loss and accuracy over any number of images, in evaluation mode. Throws: as step.
  Evaluation evaluate(std::span<const float> images, std::span<const int> labels) {
    return loop_.evaluate(loss, {Source::images, images, labels});
  }
  Evaluation evaluate(const detail::FeatureBatch& batch) { return loop_.evaluate(loss, of(batch)); }

  /// Calls the action while the network has the averaged weights; afterwards, also after an
  /// exception, it has those of the last update again. The action may evaluate and save the
  /// network. Throws: Error if there was no update yet, batches are accumulated, or the action
  /// has trained; and what the action throws.
  template <class Action>
  void with_average(Action&& action) requires detail::KeepsAverage<Optimizer> {
    loop_.with_average(action);
  }
  /// Makes the averaged weights the network's. Training may go on from them; the average and the
  /// optimizer's other states stay. Throws: Error as with_average.
  void use_average() requires detail::KeepsAverage<Optimizer> { loop_.use_average(); }

  /// The optimizer's states: for each of its `states` a tensor per trainable tensor, with a key
  /// such as "exp_avg.layer4.1.conv2.weight". With these, `updates` and the network's tensors,
  /// another trainer continues bit for bit (except for dropout, whose random numbers also depend on
  /// the network's count of steps).
  std::vector<NamedTensor> states() const { return loop_.state().tensors(optimizer); }
  /// Copies a state out of the trainer, or into it. Throws: Error if there is none of this key, or
  /// it has another size.
  void read_state(std::string_view key, std::span<float> numbers) {
    loop_.state().read(optimizer, key, numbers);
  }
  void write_state(std::string_view key, std::span<const float> numbers) {
    loop_.state().write(optimizer, key, numbers);
  }
  /// The number of updates, on which AdamW's bias correction depends. Throws: Error if below 0.
  std::int64_t updates() const { return loop_.updates(); }
  void set_updates(std::int64_t updates) { loop_.set_updates(updates); }

 private:
  using Source = detail::TrainingBatch::Source;
  static detail::TrainingBatch of(const detail::FeatureBatch& batch) {
    static_assert(Net::has_features,
                  "frostline: training from features requires a model with a frozen beginning");
    return {Source::features, batch.features, batch.labels};
  }
  using Loop = detail::TrainingLoop<typename Net::backend, Loss, Optimizer, Transforms...>;
  typename Loop::Settings settings() const { return {loss, optimizer, transforms}; }

  Net* network_;
  Loop loop_;
};

}  // namespace frostline
