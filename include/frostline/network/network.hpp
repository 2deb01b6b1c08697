// SPDX-License-Identifier: MIT
// Network: a model with memory of its own, ready to run.
#pragma once

#include "frostline/core/backend.hpp"
#include "frostline/network/executor.hpp"
#include "frostline/program/diagnose.hpp"

namespace frostline {

/// The number of classes of a network whose head is made for AtMost<N>.
struct Classes {
  int value;
};

}  // namespace frostline

namespace frostline::detail {

struct MaxBatch {
  int value;
};
struct Seed {
  std::uint64_t value;
};

/// The shape of the outputs per sample: a constant, unless the head is made for AtMost<N> classes.
template <Shape shape, bool bounded>
struct OutputShape {
  static constexpr Shape output_shape = shape;
};
template <Shape shape>
struct OutputShape<shape, true> {
  Shape output_shape;
};

template <class Model, class In, class Backend, class Options>
inline constexpr const Node& output_node =
    compiled<Model, In, Backend, Options>[compiled<Model, In, Backend, Options>.outputs[0].node];

}  // namespace frostline::detail

namespace frostline {

/// The largest batch that a network takes; its memory grows with it.
constexpr detail::MaxBatch max_batch(int value) { return {value}; }
/// The seed of a network's first parameters and of its dropout.
constexpr detail::Seed seed(std::uint64_t value) { return {value}; }
constexpr Classes classes(int value) { return {value}; }

/// A model with memory of its own, ready to run: `Network<Model, Input<3, 224, 224>>`. Options:
/// Balanced, Fastest, DirectOnly or SmallWeights (core/choice.hpp).
/// A new network has its layers' initial values (PyTorch's); load_pretrained replaces them.
/// If the head is made for AtMost<N> classes, the constructor gets their number:
/// `Network{max_batch(5), classes(37)}`; counts and shapes then are those for this number.
/// Only one thread may use a network at a time; the network itself uses OpenMP's threads.
template <class Model, class In, class Backend = cpu, detail::HasTuning Options = Balanced>
class Network
    : private detail::DiagnoseModel<Model, In, Backend>,
      public detail::OutputShape<detail::output_node<Model, In, Backend, Options>.out,
                                 detail::output_node<Model, In, Backend, Options>.bounded_output> {
  static_assert(IsBackend<Backend>,
                "frostline: Network requires a backend as core/backend.hpp describes it; include "
                "the backend's header");

 public:
  using model = Model;
  using input = In;
  using backend = Backend;
  using options = Options;
  static constexpr Shape input_shape = In::shape;
  /// N if the head is made for AtMost<N> classes, else 0.
  static constexpr int bound = [] {
    const detail::Node& output = detail::output_node<Model, In, Backend, Options>;
    return output.bounded_output ? output.out.channels : 0;
  }();
  static constexpr bool trains = frostline::detail::trainable_count<Model, In>() > 0;
  /// Whether the model has a frozen beginning, whose outputs, the `features`, need to be computed
  /// only once. It ends before the first layer that trains, uses batch statistics or drops values,
  /// at the last point at which only one value is needed later. If nothing trains, it ends at the
  /// network's output (with AtMost<N> classes, feature_shape is the one for N).
  static constexpr bool has_features = detail::scheduled<Model, In, Backend, Options>.cut > 0;
  static constexpr Shape feature_shape = [] {
    if constexpr (has_features)
      return detail::compiled<Model, In, Backend,
                              Options>[detail::scheduled<Model, In, Backend, Options>.features]
          .out;
    else
      return Shape{};
  }();

  static constexpr const auto& graph() { return detail::compiled<Model, In, Backend, Options>; }
  static constexpr std::size_t parameter_count() requires(bound == 0) {
    return frostline::detail::parameter_count<Model, In>();
  }
  static constexpr std::size_t trainable_count() requires(bound == 0) {
    return frostline::detail::trainable_count<Model, In>();
  }
  std::size_t parameter_count() const requires(bound > 0) {
    return frostline::detail::parameter_count(detail::of_classes(graph(), executor_.classes()));
  }
  std::size_t trainable_count() const requires(bound > 0) {
    return frostline::detail::trainable_count(detail::of_classes(graph(), executor_.classes()));
  }
  /// Memory of values, gradients and scratch for this many samples and threads. Units: bytes.
  static constexpr std::size_t arena_bytes(int samples, int threads) {
    return detail::program<Model, In, Backend, Options>.arena_bytes(samples, threads);
  }

  /// Throws: Error if max_batch is below 1, or there is not enough memory for it.
  explicit Network(detail::MaxBatch batch, detail::Seed first = {0},
                   typename Backend::Context context = {})
      : executor_(detail::program<Model, In, Backend, Options>, batch.value, 0, first.value,
                  std::move(context)) {
    static_assert(bound == 0,
                  "frostline: Network requires classes(n) after max_batch(n): its head is made for "
                  "AtMost<N> classes");
  }
  /// For a head that is made for AtMost<N> classes. Throws: Error, before anything is allocated, if
  /// their number is below 1 or above N; and as above.
  Network(detail::MaxBatch batch, Classes number, detail::Seed first = {0},
          typename Backend::Context context = {})
      : executor_(detail::program<Model, In, Backend, Options>, batch.value, number.value,
                  first.value, std::move(context)) {
    static_assert(bound > 0,
                  "frostline: Network requires no classes(n): its head is made for a constant "
                  "number of them; make it for AtMost<n>");
    if constexpr (bound > 0) this->output_shape = executor_.output_shape();
  }

  /// A network of the same model with another largest batch, which shares this one's parameters,
  /// gradients and buffers, for example to evaluate large batches between steps:
  /// `auto evaluation = network.with_batch(max_batch(256))`. What one changes, the other sees in
  /// its next call. Only values and scratch are allocated, and either may be destroyed first. Both
  /// compute in the first one's context and share its packed weights, so the new one uses the
  /// algorithms that were chosen for the first one's max_batch. Each Trainer has optimizer states
  /// of its own, so train through one of the networks. One thread at a time may use them.
  /// Throws: Error if max_batch is below 1, or there is not enough memory.
  Network with_batch(detail::MaxBatch batch) {
    return Network(detail::Executor<Backend>(executor_.shared_store(), batch.value));
  }

  int max_batch() const { return executor_.max_batch(); }
  int threads() const { return executor_.threads(); }

  /// The network's outputs for a batch of NCHW images, in evaluation mode (running statistics, no
  /// dropout). Valid until the next call. Throws: Error if the span is not a whole number of
  /// images, more than max_batch, or in the network's own memory, such as its outputs.
  std::span<const float> predict(std::span<const float> images) { return forward(images, false); }

  /// Like predict; with `training`, batch norms use batch statistics and update the running ones,
  /// dropout drops, and the values for the backward are saved. The images must stay valid until the
  /// backward is done.
  /// Throws: as predict, and if a batch norm would train on one value per channel.
  std::span<const float> forward(std::span<const float> images, bool training) {
    return executor_.forward(images, training);
  }

  /// The outputs of the frozen beginning for a batch of images, in evaluation mode, in the host's
  /// memory; valid until the next call. Shapes: (batch, feature_shape). Throws: as predict.
  std::span<const float> features(std::span<const float> images) {
    static_assert(has_features, "frostline: features requires a model with a frozen beginning");
    return executor_.features(images);
  }
  /// Like predict and forward, with features instead of images: only the layers after the frozen
  /// beginning are computed. A backward may follow `forward_features`.
  std::span<const float> predict_features(std::span<const float> features) {
    return forward_features(features, false);
  }
  std::span<const float> forward_features(std::span<const float> features, bool training) {
    static_assert(has_features && trains,
                  "frostline: forward_features requires a model with a frozen beginning and "
                  "trainable parameters after it");
    return executor_.forward_features(features, training);
  }

  /// Outputs that have a loss in training: the network's output is number 0; Auxiliary ones follow.
  static constexpr int output_count = detail::compiled<Model, In, Backend, Options>.output_count;
  /// Output k of the last forward, in the backend's memory. Auxiliary outputs need a forward with
  /// `training`. Shapes: (batch, output_shape). Throws: Error if there is none.
  SpanOf<Backend, const float> output(int k = 0) const { return executor_.output(k); }
  /// The gradient of an output, which a loss assigns, in the backend's memory; on CUDA it must be
  /// written in the context's stream. A backward reads the gradients of all outputs.
  /// Shapes: (batch, output_shape). Throws: Error if there is no such output.
  SpanOf<Backend, float> output_gradient(int k = 0) {
    static_assert(trains, "frostline: output_gradient requires a model with trainable parameters");
    return executor_.output_gradient(k);
  }

  /// The backward of the forward with `training` just before it. Assigns the parameters' gradients,
  /// or adds to them with `accumulate`. Throws: Error if there was no such forward, if its backward
  /// has run already, or if predict, evaluate, `trainable` or a write of weights came in between.
  void backward(bool accumulate = false) {
    static_assert(trains, "frostline: backward requires a model with trainable parameters");
    executor_.backward(accumulate);
  }

  /// The trainable parameters and their gradients: each one span in the backend's memory, in
  /// backward order, padded with zeros. Kernels keep packed copies of the parameters, which are
  /// renewed after each call of `trainable` or `backward`. If you change parameters without a
  /// backward, call `trainable` again.
  SpanOf<Backend, float> trainable() { return executor_.store().trainable(); }
  SpanOf<Backend, float> gradients() { return executor_.store().gradients(); }

  /// All parameters and buffers, in PyTorch's order of keys.
  static std::vector<NamedTensor> tensors() requires(bound == 0) {
    return detail::tensors_of(detail::program<Model, In, Backend, Options>, 0);
  }
  std::vector<NamedTensor> tensors() const requires(bound > 0) {
    return executor_.store().tensors();
  }

  /// The tensor of this key. Throws: Error if there is none.
  static NamedTensor tensor(std::string_view key) requires(bound == 0) {
    return detail::find_tensor(tensors(), key);
  }
  NamedTensor tensor(std::string_view key) const requires(bound > 0) {
    return detail::find_tensor(tensors(), key);
  }

  /// Copies a tensor out of the network, in PyTorch's order, as elements of the tensor's type.
  template <class Number>
  void read(const NamedTensor& tensor, std::span<Number> numbers) const {
    executor_.store().read(tensor, numbers);
  }
  /// Copies a tensor into the network.
  template <class Number>
  void write(const NamedTensor& tensor, std::span<const Number> numbers) {
    executor_.store().write(tensor, numbers);
  }
  /// A copy of the tensor of this key. Throws: Error if there is none, or its type is not float.
  std::vector<float> values(std::string_view key) const { return detail::values_of(*this, key); }

  /// Gives all parameters and buffers their layers' initial values, drawn from this seed.
  void initialise(detail::Seed first) { executor_.store().initialise(first.value); }

  /// The part whose type is the same for all networks of a backend.
  detail::Executor<Backend>& executor() { return executor_; }
  const detail::Executor<Backend>& executor() const { return executor_; }

 private:
  explicit Network(detail::Executor<Backend> executor) : executor_(std::move(executor)) {
    if constexpr (bound > 0) this->output_shape = executor_.output_shape();
  }

  detail::Executor<Backend> executor_;
};

}  // namespace frostline
