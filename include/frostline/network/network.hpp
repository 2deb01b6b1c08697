// SPDX-License-Identifier: MIT
// Network: a model with memory of its own, ready to run.
#pragma once

#include "frostline/core/backend.hpp"
#include "frostline/network/executor.hpp"
#include "frostline/program/diagnose.hpp"

namespace frostline {

/// The largest batch that a network takes; its memory grows with it.
struct MaxBatch {
  int value;
};
constexpr MaxBatch max_batch(int value) { return {value}; }

/// The seed of a network's first parameters and of its dropout.
struct Seed {
  std::uint64_t value;
};
constexpr Seed seed(std::uint64_t value) { return {value}; }

/// How many classes a network is made for, if its head is made for AtMost so many.
struct Classes {
  int value;
};
constexpr Classes classes(int value) { return {value}; }

/// The shape of a sample's outputs: a constant, unless the head is made for AtMost so many classes.
template <Shape shape, bool bounded>
struct OutputShape {
  static constexpr Shape output_shape = shape;
};
template <Shape shape>
struct OutputShape<shape, true> {
  Shape output_shape;  // of this network
};

template <class Model, class In, class Backend, class Options>
inline constexpr const Node& output_node =
    compiled<Model, In, Backend, Options>[compiled<Model, In, Backend, Options>.outputs[0].node];

/// A model with memory of its own, ready to run: `Network<Model, Input<3, 224, 224>>`. Options:
/// Balanced, Fastest, DirectOnly or SmallWeights (core/choice.hpp).
/// It starts with the layers' own initialisation (PyTorch's); load_pretrained replaces it.
/// Made for AtMost so many classes it is given their number: `Network{max_batch(5), classes(37)}`;
/// what speaks of parameters and outputs then speaks of this number.
/// Not for use by several threads at once; it uses OpenMP's threads itself.
template <class Model, class In, class Backend = cpu, HasTuning Options = Balanced>
class Network : private DiagnoseModel<Model, In, Backend>,
                public OutputShape<output_node<Model, In, Backend, Options>.out,
                                   output_node<Model, In, Backend, Options>.bounded_output> {
  static_assert(IsBackend<Backend>,
                "frostline: Network requires a backend as core/backend.hpp describes it; include "
                "the backend's header");

 public:
  using model = Model;
  using input = In;
  using backend = Backend;
  using options = Options;
  static constexpr Shape input_shape = In::shape;
  /// How many classes there may be at most, if the head is made for AtMost so many, else 0.
  static constexpr int bound = [] {
    const Node& output = output_node<Model, In, Backend, Options>;
    return output.bounded_output ? output.out.channels : 0;
  }();
  static constexpr bool trains = frostline::trainable_count<Model, In>() > 0;
  /// Whether the model has a frozen beginning, whose outputs can be computed once: `features`. It
  /// ends at the last point at which a single value is alive, before the first layer that trains,
  /// uses batch statistics or drops values; where nothing trains, at the
  /// network's output (whose feature_shape is the bound's for AtMost so many classes).
  static constexpr bool has_features = scheduled<Model, In, Backend, Options>.cut > 0;
  static constexpr Shape feature_shape = [] {
    if constexpr (has_features)
      return compiled<Model, In, Backend, Options>[scheduled<Model, In, Backend, Options>.features]
          .out;
    else
      return Shape{};
  }();

  static constexpr const auto& graph() { return compiled<Model, In, Backend, Options>; }
  static constexpr std::size_t parameter_count() requires(bound == 0) {
    return frostline::parameter_count<Model, In>();
  }
  static constexpr std::size_t trainable_count() requires(bound == 0) {
    return frostline::trainable_count<Model, In>();
  }
  std::size_t parameter_count() const requires(bound > 0) {
    return frostline::parameter_count(
        of_classes(graph(), executor_.program().declared, executor_.classes()));
  }
  std::size_t trainable_count() const requires(bound > 0) {
    return frostline::trainable_count(
        of_classes(graph(), executor_.program().declared, executor_.classes()));
  }
  /// Units: bytes of values, gradients and scratch for this many samples and threads.
  static constexpr std::size_t arena_bytes(int samples, int threads) {
    return program<Model, In, Backend, Options>.arena_bytes(samples, threads);
  }

  /// Throws: Error if max_batch is below 1, or there is not enough memory for it.
  explicit Network(MaxBatch batch, Seed first = {0}, typename Backend::Context context = {})
      : executor_(program<Model, In, Backend, Options>, batch.value, 0, first.value,
                  std::move(context)) {
    static_assert(bound == 0,
                  "frostline: Network requires classes(n) after max_batch(n): its head is made for "
                  "AtMost so many classes");
  }
  /// Where the head is made for AtMost so many classes. Throws: Error, before anything is
  /// allocated, if their number is below 1 or above the bound; and as above.
  Network(MaxBatch batch, Classes number, Seed first = {0}, typename Backend::Context context = {})
      : executor_(program<Model, In, Backend, Options>, batch.value, number.value, first.value,
                  std::move(context)) {
    static_assert(bound > 0,
                  "frostline: Network requires no classes(n): its head is made for a constant "
                  "number of them; make it for AtMost<n>");
    if constexpr (bound > 0) this->output_shape = executor_.output_shape();
  }

  int max_batch() const { return executor_.max_batch(); }
  int threads() const { return executor_.threads(); }

  /// The network's outputs for a batch of NCHW images, in evaluation mode (running statistics, no
  /// dropout). Valid until the next call. Throws: Error if the span is not a whole number of
  /// images, more than max_batch, or the network's own outputs.
  std::span<const float> predict(std::span<const float> images) { return forward(images, false); }

  /// As predict; with `training`, batch statistics are used and moved, dropout drops, and what the
  /// backward needs is kept. The images must stay where they are until the backward is done.
  /// Throws: as predict, and if a batch norm would train on one value per channel.
  std::span<const float> forward(std::span<const float> images, bool training) {
    return executor_.forward(images, training);
  }

  /// What the frozen beginning gives for a batch of images, in evaluation mode, in the host's
  /// memory; valid until the next call. Shapes: (batch, feature_shape). Throws: as predict.
  std::span<const float> features(std::span<const float> images) {
    static_assert(has_features, "frostline: features requires a model with a frozen beginning");
    return executor_.features(images);
  }
  /// As predict and forward, with features in the place of images: what comes after the frozen
  /// beginning is computed from them. A backward may follow as after `forward`.
  std::span<const float> predict_features(std::span<const float> features) {
    return forward_features(features, false);
  }
  std::span<const float> forward_features(std::span<const float> features, bool training) {
    static_assert(has_features && trains,
                  "frostline: forward_features requires a model with a frozen beginning, after "
                  "which something trains");
    return executor_.forward_features(features, training);
  }

  /// Outputs that have a loss while training: the network's, number 0, and Auxiliary ones.
  static constexpr int output_count = compiled<Model, In, Backend, Options>.output_count;
  /// An output of the last forward, which must have been with `training` for an auxiliary one: in
  /// the backend's memory. Shapes: (batch, output_shape). Throws: Error if there is none.
  std::span<const float> output(int k = 0) const { return executor_.output(k); }
  /// Where a loss assigns the gradient of an output, in the backend's memory: on CUDA the device's,
  /// to be written in the context's stream. A backward reads those of all outputs.
  /// Shapes: (batch, output_shape). Throws: Error if there is no such output.
  std::span<float> output_gradient(int k = 0) {
    static_assert(trains, "frostline: output_gradient requires a model in which something trains");
    return executor_.output_gradient(k);
  }

  /// The backward of the forward with `training` just before it. Assigns the parameters' gradients,
  /// or adds to them with `accumulate`. Throws: Error if there was none, if it has run already, or
  /// if something came between that overwrites what it reads: predict, evaluate, `trainable`, or
  /// anything that writes weights.
  void backward(bool accumulate = false) {
    static_assert(trains, "frostline: backward requires a model in which something trains");
    executor_.backward(accumulate);
  }

  /// What trains, and its gradient: each one span in the backend's memory (on CUDA the device's),
  /// in backward order, padded with zeros.
  /// Kernels keep packed copies of trainable parameters. `trainable` and `backward` mark them out
  /// of date: if you change parameters without a backward, call `trainable` again.
  std::span<float> trainable() { return executor_.trainable(); }
  std::span<float> gradients() { return executor_.gradients(); }

  /// All parameters and buffers, in PyTorch's order of keys.
  static std::vector<NamedTensor> tensors() requires(bound == 0) {
    return tensors_of(program<Model, In, Backend, Options>, 0);
  }
  std::vector<NamedTensor> tensors() const requires(bound > 0) { return executor_.tensors(); }

  /// The tensor of this key. Throws: Error if there is none.
  static NamedTensor tensor(std::string_view key) requires(bound == 0) {
    return find_tensor(tensors(), key);
  }
  NamedTensor tensor(std::string_view key) const requires(bound > 0) {
    return find_tensor(tensors(), key);
  }

  /// Copies a tensor out of the network, in PyTorch's order. The element type is the tensor's own.
  template <class Number>
  void read(const NamedTensor& tensor, std::span<Number> numbers) const {
    executor_.read(tensor, numbers);
  }
  /// Copies a tensor into the network.
  template <class Number>
  void write(const NamedTensor& tensor, std::span<const Number> numbers) {
    executor_.write(tensor, numbers);
  }
  /// A copy of the tensor of this key. Throws: Error if there is none, or it holds no floats.
  std::vector<float> values(std::string_view key) const { return values_of(*this, key); }

  /// Gives all parameters and buffers their layers' initial values, drawn from this seed.
  void initialise(Seed first) { executor_.initialise(first.value); }

  /// The part that all networks of a backend share.
  Executor<Backend>& executor() { return executor_; }
  const Executor<Backend>& executor() const { return executor_; }

 private:
  Executor<Backend> executor_;
};

}  // namespace frostline
