// SPDX-License-Identifier: MIT
// TrainingLoop: the steps of training, compiled once for all models of a backend.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <utility>

#include "frostline/losses/cross_entropy.hpp"
#include "frostline/network/not_finite.hpp"
#include "frostline/train/metrics.hpp"
#include "frostline/train/optimizer_state.hpp"

namespace frostline::detail {

/// The images or features of a training batch, and their labels.
struct TrainingBatch {
  enum class Source { images, features } source = Source::images;
  std::span<const float> numbers{};
  std::span<const int> labels{};
};

/// Returns the number of labels that are not ignored. Throws: Error unless images (or features) and
/// labels fit each other, and the labels are classes.
inline std::size_t check_batch(Shape in, Shape out, const TrainingBatch& batch, int ignore_index) {
  const auto& [source, numbers, labels] = batch;
  if (numbers.empty() || numbers.size() % in.size() != 0)
    throw Error(
        format_text("frostline: the trainer takes {} of {}x{}x{} = {} numbers, got a span of {}",
                    source == TrainingBatch::Source::images ? "images" : "features", in.channels,
                    in.height, in.width, in.size(), numbers.size()));
  const std::size_t samples = numbers.size() / in.size(), wanted = samples * out.pixels();
  if (labels.size() != wanted)
    throw Error(format_text("frostline: the trainer takes {} labels for {} images of {}, got {}",
                            wanted, samples, out.pixels() == 1 ? "one label" : "a label per pixel",
                            labels.size()));
  std::size_t counted = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == ignore_index) continue;
    ++counted;
    if (labels[i] < 0 || labels[i] >= out.channels)
      throw Error(
          format_text("frostline: the trainer takes labels from 0 to {}, got {} as number {}; use "
                      "the label {} for what is to be ignored (CrossEntropy{{.ignore_index}})",
                      out.channels - 1, labels[i], i, ignore_index));
  }
  return counted;
}

/// The part of Trainer that does not depend on the model. Trainer documents the functions and their
/// errors.
template <class Backend, class Loss, class Optimizer, class... Transforms>
class TrainingLoop {
  using LossKernel = Kernel<Backend, Loss>;
  using Update = UpdateKernel<Backend>;
  using LossCall = frostline::LossCall<Backend>;
  using GradientCall = frostline::GradientCall<Backend>;
  using UpdateCall = frostline::UpdateCall<Backend>;

 public:
  struct Settings {
    const Loss& loss;
    const Optimizer& optimizer;
    const std::tuple<Transforms...>& transforms;
  };

  TrainingLoop(Executor<Backend>& network, const Settings& settings);

  /// On CUDA all kernels after `bind` are recorded; they read what differs between steps from the
  /// device's memory.
  float step(const Settings& settings, const TrainingBatch& batch);

  float accumulate(const Settings& settings, const TrainingBatch& batch);
  void update(const Settings& settings);
  std::size_t accumulated() const { return pending_.batches; }
  void discard() { pending_ = {}; }

  Evaluation evaluate(const Loss& loss, const TrainingBatch& batch);

  template <class Action>
  void with_average(Action& action) requires KeepsAverage<Optimizer> {
    require_average();
    constexpr std::size_t most = std::size_t(1) << 18;  // floats that are swapped at once
    const std::size_t all = network_->program().trainable_floats;
    const typename Backend::Memory memory = allocate(std::min(most, all) * sizeof(float));
    const auto swap = [&] {
      float* const weights = network_->store().trainable().data();
      for (std::size_t first = 0; first < all; first += most) {
        const std::size_t bytes = std::min(most, all - first) * sizeof(float);
        Backend::copy(network_->context(), memory.data(), weights + first, bytes);
        Backend::copy(network_->context(), weights + first, average() + first, bytes);
        Backend::copy(network_->context(), average() + first, memory.data(), bytes);
      }
      network_->context().synchronize();
    };
    const std::int64_t updates = updates_;
    swap();
    try {
      action();
    } catch (...) {
      swap();
      throw;
    }
    swap();
    if (updates_ != updates || pending_.batches > 0)
      throw Error("frostline: the averaged weights were trained; with_average is for evaluation");
  }
  void use_average() requires KeepsAverage<Optimizer>;

  OptimizerState<Backend, Optimizer>& state() { return state_; }
  const OptimizerState<Backend, Optimizer>& state() const { return state_; }
  std::int64_t updates() const { return updates_; }
  void set_updates(std::int64_t updates) {
    if (updates < 0)
      throw Error(format_text("frostline: set_updates requires at least 0, got {}", updates));
    updates_ = updates;
  }

 private:
  /// The batches accumulated since the last update. Gradients are sums over labels, divided by
  /// `unit`: the number of labels that were not ignored in the first batch that had any.
  struct Pending {
    std::size_t batches = 0, counted = 0, unit = 0;
    // The store's training_forwards() and writes() after the last batch.
    std::uint64_t forwards = 0, writes = 0;
  };

  static bool from_images(const TrainingBatch& batch) {
    return batch.source == TrainingBatch::Source::images;
  }
  Shape in(const TrainingBatch& batch) const {
    return from_images(batch) ? network_->program().nodes.front().out : network_->feature_shape();
  }
  Shape out() const { return network_->output_shape(); }
  std::size_t outputs() const { return network_->program().outputs.size(); }
  float weight_of(std::size_t k) const { return network_->program().outputs[k].weight; }

  /// The loss of output k; the guard of the last output covers the losses of all.
  LossCall call_for(std::span<const int> labels, std::size_t k, double weight = 1) const {
    LossCall call{.context = &network_->context(),
                  .threads = network_->threads(),
                  .shape = out(),
                  .logits = network_->outputs(int(k)),
                  .labels = labels,
                  .gradient = network_->output_gradient(int(k)),
                  .weight = weight * double(weight_of(k)),
                  .workspace = workspace_.data() + k * loss_bytes_};
    if (k > 0) call.guard = LossKernel::guard_place(call_for(labels, k - 1));
    return call;
  }
  /// Returns the guard that covers all losses.
  const double* prepare_losses(const Settings& settings, std::span<const int> labels,
                               double weight = 1) const {
    for (std::size_t k = 0; k < outputs(); ++k)
      LossKernel::prepare(settings.loss, call_for(labels, k, weight));
    return LossKernel::guard_place(call_for(labels, outputs() - 1));
  }
  float mean_loss(std::span<const int> labels) const {
    float sum = LossKernel::mean(call_for(labels, 0));
    for (std::size_t k = 1; k < outputs(); ++k)
      sum += weight_of(k) * LossKernel::mean(call_for(labels, k));
    return sum;
  }
  UpdateCall call_for_update(const double* guard) {
    return {.context = &network_->context(),
            .threads = network_->threads(),
            .parameters = network_->store().trainable(),
            .gradients = network_->store().gradients(),
            .states = state_.floats(),
            .guard = guard,
            .workspace = workspace_.data() + loss_bytes_ * outputs()};
  }
  /// Throws: Error unless there is an average, and no gradients of other weights wait for an
  /// update.
  void require_average() const {
    if (updates_ == 0)
      throw Error("frostline: there is no average of the weights before the first update");
    if (pending_.batches > 0)
      throw Error(
          "frostline: the average of the weights cannot be used between accumulate and update: "
          "the accumulated gradients are those of the last weights");
  }
  /// nullptr if there is none: clang++ 14 instantiates use_average without asking what it requires.
  float* average() const {
    if constexpr (KeepsAverage<Optimizer>)
      return state_.floats().data() +
             Optimizer::average_state * network_->program().trainable_floats;
    else
      return nullptr;
  }
  typename Backend::Memory allocate(std::size_t bytes) const {
    return Backend::allocate(network_->context(), "training the network", bytes);
  }
  template <class Transform>
  std::size_t transform_bytes() const {
    return whole_lines(
        Kernel<Backend, Transform>::workspace_bytes(network_->program().trainable_floats));
  }
  /// Calls visit(transform, its kernel's call) for each; returns the last one's guard.
  template <class Visit>
  const double* for_each_transform(const Settings& settings, const double* guard,
                                   Visit visit) const {
    [[maybe_unused]] std::byte* workspace =
        workspace_.data() + loss_bytes_ * outputs() + update_bytes_;
    [[maybe_unused]] const auto one = [&]<class Transform>(const Transform& transform) {
      const GradientCall call{.context = &network_->context(),
                              .threads = network_->threads(),
                              .gradients = network_->store().gradients(),
                              .guard = guard,
                              .workspace = workspace};
      visit(transform, call);
      workspace += transform_bytes<Transform>();
      guard = Kernel<Backend, Transform>::guard_place(call);
    };
    std::apply([&](const Transforms&... transforms) { (one(transforms), ...); },
               settings.transforms);
    return guard;
  }
  bool is_finite(const double* guard) const { return std::isfinite(float(read(guard))); }
  double read(const double* place) const {
    double number = 0;
    if (place) Backend::copy_out(network_->context(), &number, place, sizeof number);
    return number;
  }

  std::size_t check(const Settings& settings, const TrainingBatch& batch) const {
    const std::size_t counted = check_batch(in(batch), out(), batch, settings.loss.ignore_index);
    settings.loss.check();
    return counted;
  }
  /// Before an update. Throws: Error if settings make no sense, or the states do not fit in memory.
  void prepare(const Settings& settings) {
    settings.optimizer.check();
    std::apply([](const Transforms&... transforms) { (transforms.check(), ...); },
               settings.transforms);
    if (state_.prepare(settings.optimizer)) replay_.forget();
  }
  void require_pending() {
    if (pending_.batches == 0) return;
    const bool written = pending_.writes != network_->store().writes();
    if (!written && pending_.forwards == network_->store().training_forwards()) return;
    discard();
    if (written)
      throw Error(
          "frostline: weights were written or initialised after accumulate, and the gradients are "
          "those of the old ones; they are dropped: accumulate them again");
    throw Error(
        "frostline: another forward with training came after accumulate, and its backward may have "
        "overwritten the gradients; they are dropped: accumulate them again");
  }

  /// The parts of a step.
  void bind(TrainingBatch::Source source, std::span<const float> numbers, bool training) {
    source == TrainingBatch::Source::images ? network_->bind(numbers, training)
                                            : network_->bind_features(numbers, training);
  }
  void bind(const TrainingBatch& batch) {
    bind(batch.source, batch.numbers, true);
    if (buffers_.size() > 0) network_->store().copy_buffers(buffers_);
  }
  void run_forward(const Settings& settings, std::span<const int> labels, double weight = 1) {
    network_->run_forward(true);
    for (std::size_t k = 0; k < outputs(); ++k)
      network_->queue("in the loss", {},
                      [&] { LossKernel::compute(settings.loss, call_for(labels, k, weight)); });
  }
  const double* prepare_update(const Settings& settings, const double* guard) const {
    return for_each_transform(
        settings, guard, []<class Transform>(const Transform& transform, const GradientCall& call) {
          Kernel<Backend, Transform>::prepare(transform, call);
        });
  }
  void update(const Settings& settings, const double* guard, const UpdateCall& call) {
    for_each_transform(
        settings, guard,
        [&]<class Transform>(const Transform& transform, const GradientCall& gradients) {
          network_->queue("in a transform of the gradients", {},
                          [&] { Kernel<Backend, Transform>::apply(transform, gradients); });
        });
    network_->queue("in the optimizer", {},
                    [&] { Update::update(settings.optimizer, updates_ + 1, call); });
  }

  /// Adds a batch's gradients, or assigns them. The loss is checked before the backward, so no
  /// gradients of a loss that is not finite are added.
  float add(const Settings& settings, const TrainingBatch& batch, std::size_t counted) {
    bind(batch);
    Pending next = pending_;
    if (next.unit == 0) next.unit = counted;
    const double weight = counted > 0 ? double(counted) / double(next.unit) : 1.0;
    const double* const guard = prepare_losses(settings, batch.labels, weight);
    run_forward(settings, batch.labels, weight);
    const bool adds = pending_.batches > 0;
    if (!is_finite(guard)) {
      pending_.forwards = network_->store().training_forwards();  // that forward had no backward
      fail(mean_loss(batch.labels),
           adds ? "The batch was not added; the earlier ones stay" : "The batch was not added");
    }
    pending_ = {};  // in case a kernel throws
    network_->backward(adds);
    ++next.batches;
    next.counted += counted;
    next.forwards = network_->store().training_forwards();
    next.writes = network_->store().writes();
    pending_ = next;
    return mean_loss(batch.labels);
  }
  /// Updates the parameters with the accumulated gradients, which are used up even after an error.
  /// Throws: Error, after `undo`, if a transform's guard is not finite.
  template <class Undo>
  void apply_pending(const Settings& settings, Undo undo) {
    const Pending taken = std::exchange(pending_, {});
    const double* const guard = prepare_update(settings, nullptr);
    const UpdateCall call = call_for_update(guard);
    Update::prepare(settings.optimizer, updates_ + 1, call);
    if (taken.counted != taken.unit)
      network_->queue("in the mean of the gradients", {}, [&] {
        Update::scale(&network_->context(), network_->threads(), network_->store().gradients(),
                      float(double(taken.unit) / double(taken.counted)));
      });
    update(settings, nullptr, call);
    network_->store().note_update();
    if (!is_finite(guard)) {
      const std::string reason = explain_transforms(settings, nullptr);
      undo();
      throw Error(
          format_text("frostline: {}. The update was not made, and the accumulated gradients are "
                      "dropped",
                      reason));
    }
    ++updates_;
  }

  /// The explanation of the first transform whose guard is not finite.
  std::string explain_transforms(const Settings& settings, const double* guard) const {
    std::string reason;
    for_each_transform(settings, guard,
                       [&]<class Transform>(const Transform& transform, const GradientCall& call) {
                         const double value = read(Kernel<Backend, Transform>::guard_place(call));
                         if (reason.empty() && !std::isfinite(float(value)))
                           reason = format_text("{} in training step {}", transform.explain(value),
                                                updates_ + 1);
                       });
    return reason;
  }
  void restore() {
    if (buffers_.size() > 0) network_->store().restore_buffers(buffers_);
  }
  /// Gives the buffers their values before the forward; no update has been made. Throws: Error that
  /// says where numbers that are not finite come from.
  [[noreturn]] void fail(float mean, std::string_view what) {
    std::string reason;
    try {
      reason = NotFinite(*network_).explain([&] { restore(); });
    } catch (const std::exception& error) {
      reason = error.what();
    }
    restore();
    network_->store().forget_step();
    throw Error(format_text("frostline: {} in training step {}: {}. {}",
                            std::isnan(mean)   ? "the loss is not a number"
                            : std::isinf(mean) ? "the loss is infinite"
                                               : "logits of ignored labels are not finite",
                            updates_ + 1, reason, what));
  }

  Executor<Backend>* network_;
  std::size_t loss_bytes_, update_bytes_;
  typename Backend::Memory workspace_;  // of the loss, the optimizer and the transforms
  OptimizerState<Backend, Optimizer> state_;
  typename Backend::Replay replay_;
  typename Backend::Memory buffers_;  // their values before the step, if it changes any
  std::int64_t updates_ = 0;
  Pending pending_;
};

// Outside the class they are not inline, so that a program with frostline::compiled need not
// instantiate them.

template <class Backend, class Loss, class Optimizer, class... Transforms>
TrainingLoop<Backend, Loss, Optimizer, Transforms...>::TrainingLoop(Executor<Backend>& network,
                                                                    const Settings& settings)
    : network_(&network),
      loss_bytes_(whole_lines(LossKernel::workspace_bytes(out(), network.max_batch()))),
      update_bytes_(whole_lines(Update::template workspace_bytes<Optimizer>)),
      workspace_(allocate(loss_bytes_ * outputs() + update_bytes_ +
                          (transform_bytes<Transforms>() + ... + std::size_t(0)))),
      state_(network.store()),
      buffers_(allocate(network.store().moved_buffer_bytes())) {
  settings.loss.check();
  prepare(settings);
}

template <class Backend, class Loss, class Optimizer, class... Transforms>
float TrainingLoop<Backend, Loss, Optimizer, Transforms...>::step(const Settings& settings,
                                                                  const TrainingBatch& batch) {
  const std::size_t counted = check(settings, batch);
  prepare(settings);
  if (pending_.batches > 0) {
    require_pending();
    const float mean = add(settings, batch, counted);
    apply_pending(settings, [&] { restore(); });
    return mean;
  }
  bind(batch);
  const double* const loss_guard = prepare_losses(settings, batch.labels);
  const double* const guard = prepare_update(settings, loss_guard);
  const UpdateCall update_call = call_for_update(guard);
  Update::prepare(settings.optimizer, updates_ + 1, update_call);
  const int samples = int(batch.labels.size() / out().pixels());
  replay_.run(network_->context(), from_images(batch) ? samples : -samples, [&] {
    run_forward(settings, batch.labels);
    if constexpr (Backend::in_host_memory)
      if (!is_finite(loss_guard)) return;
    network_->backward(false);
    update(settings, loss_guard, update_call);
  });
  network_->store().note_update();
  if (!is_finite(loss_guard)) fail(mean_loss(batch.labels), "The step was not taken");
  if (guard != loss_guard && !is_finite(guard)) {
    const std::string reason = explain_transforms(settings, loss_guard);
    restore();
    network_->store().forget_step();
    throw Error(format_text("frostline: {}. The step was not taken", reason));
  }
  ++updates_;
  return mean_loss(batch.labels);
}

template <class Backend, class Loss, class Optimizer, class... Transforms>
float TrainingLoop<Backend, Loss, Optimizer, Transforms...>::accumulate(
    const Settings& settings, const TrainingBatch& batch) {
  const std::size_t counted = check(settings, batch);
  require_pending();
  return add(settings, batch, counted);
}

template <class Backend, class Loss, class Optimizer, class... Transforms>
void TrainingLoop<Backend, Loss, Optimizer, Transforms...>::update(const Settings& settings) {
  require_pending();
  if (pending_.batches == 0)
    throw Error("frostline: update requires an accumulate since the last update");
  prepare(settings);
  apply_pending(settings, [] {});
}

template <class Backend, class Loss, class Optimizer, class... Transforms>
void TrainingLoop<Backend, Loss, Optimizer, Transforms...>::use_average() requires
    KeepsAverage<Optimizer> {
  require_average();
  const SpanOf<Backend, float> weights = network_->store().trainable();
  Backend::copy(network_->context(), weights.data(), average(), weights.size() * sizeof(float));
  network_->context().synchronize();
}

template <class Backend, class Loss, class Optimizer, class... Transforms>
Evaluation TrainingLoop<Backend, Loss, Optimizer, Transforms...>::evaluate(
    const Loss& loss, const TrainingBatch& batch) {
  check_batch(in(batch), out(), batch, loss.ignore_index);
  loss.check();
  const std::size_t sample = in(batch).size(), pixels = out().pixels();
  const auto most = std::size_t(network_->max_batch());
  Evaluation result;
  for (std::size_t first = 0; first * sample < batch.numbers.size(); first += most) {
    const std::size_t count = std::min(most, batch.numbers.size() / sample - first);
    const auto truth = batch.labels.subspan(first * pixels, count * pixels);
    bind(batch.source, batch.numbers.subspan(first * sample, count * sample), false);
    network_->run_forward(false);
    const std::span<const float> logits = network_->host_outputs();
    LossCall call = call_for(truth, 0);
    call.gradient = {};
    LossKernel::prepare(loss, call);
    network_->queue("in the loss", {}, [&] { LossKernel::compute(loss, call); });
    result += count_correct(out(), logits, truth, loss.ignore_index, LossKernel::mean(call));
  }
  return result;
}

}  // namespace frostline::detail
