// SPDX-License-Identifier: MIT
// SplitNetwork: a model whose frozen beginning and trainable rest run apart.
#pragma once

#include <array>

#include "frostline/layers/batch_norm2d.hpp"
#include "frostline/layers/relu.hpp"
#include "frostline/network/network.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/split.hpp"

namespace frostline {

template <class At>
struct no_frozen_layer_before;
template <int Layers>
struct nothing_trains_among;

template <class At>
struct Diagnose<no_frozen_layer_before<At>> {
  static_assert(buildable<no_frozen_layer_before<At>>,
                "frostline: Split requires frozen layers before the first that trains, uses batch "
                "statistics or drops values; Freeze the model's beginning, or use Network");
};
template <int Layers>
struct Diagnose<nothing_trains_among<Layers>> {
  static_assert(buildable<nothing_trains_among<Layers>>,
                "frostline: Split requires a model in which something trains; "
                "Unfreeze a part of it, or use Network");
};

/// What is wrong with a model that shall be split: `Whole`, if that is wrong with all of it.
template <class Whole, class Model>
struct SplitProblem {
  using type = Whole;
};
template <class Model>
struct SplitProblem<nothing_wrong, Model> {
  static constexpr Path moving = Split<Model>::cut.moving;
  template <std::size_t... K>
  static at<moving.text[K]...> path(std::index_sequence<K...>);
  using At = decltype(path(std::make_index_sequence<moving.size>{}));
  static constexpr auto find() {
    if constexpr (!Split<Model>::rest_trains)
      return (nothing_trains_among<int(Leaves<Model>::size)>*)nullptr;
    else if constexpr (!Split<Model>::has_prefix)
      return (no_frozen_layer_before<At>*)nullptr;
    else
      return (nothing_wrong*)nullptr;
  }
  using type = std::remove_pointer_t<decltype(find())>;
};
template <class Model, class In, class Backend>
using SplitProblemOf = typename SplitProblem<
    typename ProblemOf<Model, In, Backend, traced<Model, In>.problem.kind>::type, Model>::type;

/// A model as two networks, cut by Split: `prefix()`, of which nothing trains, and `rest()`, which
/// takes the prefix's outputs and is what a Trainer trains. Its memory, its first weights, its
/// keys and its files are those of the Network of the same model; each weight is held once.
/// Trainer trainer{network.rest(), ...} takes features: a FeatureCache's, or prefix().predict's.
template <class Model, class In, class Backend = cpu, HasTuning Options = Balanced>
class SplitNetwork : private Diagnose<SplitProblemOf<Model, In, Backend>> {
  static constexpr bool sound = std::same_as<SplitProblemOf<Model, In, Backend>, nothing_wrong>;
  using Fallback = Module<Frozen<ReLU>, BatchNorm2d<In::shape.channels>>;  // no second error
  using Parts = Split<std::conditional_t<sound, Model, Fallback>>;

 public:
  using model = Model;
  using input = In;
  using backend = Backend;
  using options = Options;
  using Prefix = Network<typename Parts::prefix, In, Backend, Options>;
  /// What the prefix gives and the rest takes.
  static constexpr Shape feature_shape = Prefix::output_shape;
  using Features = Input<feature_shape.channels, feature_shape.height, feature_shape.width>;
  using Rest = Network<RestOf<typename Parts::rest, In>, Features, Backend, Options>;
  static constexpr Shape input_shape = In::shape;
  static constexpr Shape output_shape = Rest::output_shape;
  static constexpr bool trains = Rest::trains;

  static constexpr const auto& graph() { return traced<Model, In>; }
  static constexpr std::size_t parameter_count() { return frostline::parameter_count<Model, In>(); }
  static constexpr std::size_t trainable_count() { return frostline::trainable_count<Model, In>(); }
  /// Units: bytes of values, gradients and scratch for this many samples and threads.
  static constexpr std::size_t arena_bytes(int samples, int threads) {
    return Prefix::arena_bytes(samples, threads) + Rest::arena_bytes(samples, threads);
  }

  /// Throws: Error if max_batch is below 1.
  explicit SplitNetwork(MaxBatch batch, Seed first = {0}, typename Backend::Context context = {})
      : prefix_(batch, first, context), rest_(batch, behind_prefix(first), context) {}

  Prefix& prefix() { return prefix_; }
  const Prefix& prefix() const { return prefix_; }
  Rest& rest() { return rest_; }
  const Rest& rest() const { return rest_; }
  int max_batch() const { return prefix_.max_batch(); }
  int threads() const { return prefix_.threads(); }

  /// The outputs for a batch of NCHW images, in evaluation mode. Valid until the next call.
  /// Throws: Error if the span is not a whole number of images, or more than max_batch.
  std::span<const float> predict(std::span<const float> images) {
    return rest_.predict(prefix_.predict(images));
  }

  // All parameters and buffers, as Network has them.
  static std::vector<NamedTensor> tensors() {
    std::vector<NamedTensor> result = Prefix::tensors();
    for (NamedTensor& tensor : Rest::tensors()) {
      tensor.node += rest_nodes;
      result.push_back(std::move(tensor));
    }
    return result;
  }
  /// The tensor of this key. Throws: Error if there is none.
  static NamedTensor tensor(std::string_view key) { return find_tensor(tensors(), key); }
  template <class Number>
  void read(NamedTensor tensor, std::span<Number> numbers) const {
    if (tensor.node < rest_nodes) return prefix_.read(tensor, numbers);
    tensor.node -= rest_nodes;
    rest_.read(tensor, numbers);
  }
  template <class Number>
  void write(NamedTensor tensor, std::span<const Number> numbers) {
    if (tensor.node < rest_nodes) return prefix_.write(tensor, numbers);
    tensor.node -= rest_nodes;
    rest_.write(tensor, numbers);
  }
  /// A copy of the tensor of this key. Throws: Error if there is none, or it holds no floats.
  std::vector<float> values(std::string_view key) const { return values_of(*this, key); }
  void initialise(Seed first) {
    prefix_.initialise(first);
    rest_.initialise(behind_prefix(first));
  }

  /// What load, load_pretrained and save go through.
  std::array<Executor<Backend>*, 2> executors() { return {&prefix_.executor(), &rest_.executor()}; }
  std::array<const Executor<Backend>*, 2> executors() const {
    return {&prefix_.executor(), &rest_.executor()};
  }

 private:
  static constexpr int rest_nodes = Prefix::graph().size;
  // Where a whole network's initialisation has come to behind the prefix's tensors.
  static Seed behind_prefix(Seed first) {
    for (std::size_t i = 0; i < Prefix::tensors().size(); ++i) first.value = mix(first.value);
    return first;
  }

  Prefix prefix_;
  Rest rest_;
};

}  // namespace frostline
