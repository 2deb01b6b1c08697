// SPDX-License-Identifier: MIT
// Network: the storage and the execution of a compiled model.
#pragma once

#include <cmath>
#include <concepts>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/graph/diagnose.hpp"
#include "frostline/graph/step_table.hpp"

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

/// One parameter or buffer of a network, as files know it; Network::read and write take it.
struct NamedTensor {
  std::string key;  // "layer1.0.conv1.weight"
  std::vector<std::int64_t> extents;
  ElementType type = ElementType::f32;
  std::size_t size = 0;  // elements
  bool trains = false;
  bool is_new = false;  // of a layer that replaces another
  bool is_buffer = false;
  int node = no_node, index = 0;
};

/// Splits a 64-bit state into well-mixed numbers (splitmix64, Steele et al. 2014).
constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// A model with memory of its own, ready to run: `Network<Model, Input<3, 224, 224>>`.
/// It starts with the layers' own initialisation (PyTorch's); load_pretrained replaces it.
/// Not for use by several threads at once; it uses OpenMP's threads itself.
template <class Model, class In, class Backend = cpu>
class Network : private DiagnoseModel<Model, In, Backend> {
 public:
  using model = Model;
  using input = In;
  using backend = Backend;
  static constexpr Shape input_shape = In::shape;
  static constexpr Shape output_shape = compiled<Model, In>[compiled<Model, In>.size - 1].out;
  static constexpr bool trains = trainable_count<Model, In>() > 0;

  static constexpr const auto& graph() { return compiled<Model, In>; }
  static constexpr std::size_t parameter_count() { return frostline::parameter_count<Model, In>(); }
  static constexpr std::size_t trainable_count() { return frostline::trainable_count<Model, In>(); }
  /// Units: bytes of values, gradients and scratch for this many samples and threads.
  static constexpr std::size_t arena_bytes(int samples, int threads) {
    return planned<Model, In>.per_sample.bytes * std::size_t(samples) +
           planned<Model, In>.fixed.bytes + scratch_bytes() * std::size_t(threads);
  }

  explicit Network(MaxBatch batch, Seed first = {0})
      : max_batch_(checked(batch)),
        threads_(Backend::threads()),
        seed_(first.value),
        arena_(arena_bytes(max_batch_, threads_)),
        trainable_(layout().trainable_floats * sizeof(float)),
        gradient_(layout().trainable_floats * sizeof(float)),
        frozen_(layout().frozen_floats * sizeof(float)),
        buffers_(layout().buffer_floats * sizeof(float)),
        packed_(packed_floats() * sizeof(float)) {
    initialise();
  }

  int max_batch() const { return max_batch_; }
  int threads() const { return threads_; }

  /// The network's outputs for a batch of NCHW images, in evaluation mode (running statistics, no
  /// dropout). Valid until the next call. Throws: Error if the span is not a whole number of
  /// images, or more than max_batch.
  std::span<const float> predict(std::span<const float> images) { return forward(images, false); }

  /// As predict; with `training`, batch statistics are used and moved, dropout drops, and what the
  /// backward needs is kept. The images must stay where they are until the backward is done.
  std::span<const float> forward(std::span<const float> images, bool training) {
    batch_ = samples_in(images);
    images_ = images.data();
    if (changed_) pack();
    if (training) ++steps_;
    run(0, schedule().loss, training, false);
    return {value(last), std::size_t(batch_) * output_shape.size()};
  }

  /// Where a loss assigns the outputs' gradient. Shapes: (batch, output_shape).
  std::span<float> output_gradient() {
    static_assert(trains, "frostline: output_gradient requires a model in which something trains");
    return {gradient(last), std::size_t(batch_) * output_shape.size()};
  }

  /// The backward of the last forward with `training`. Assigns the parameters' gradients, or adds
  /// to them with `accumulate`.
  void backward(bool accumulate = false) {
    static_assert(trains, "frostline: backward requires a model in which something trains");
    run(schedule().loss + 1, schedule().size, true, accumulate);
  }

  /// What trains, and its gradient: each one span, in backward order, padded with zeros.
  std::span<float> trainable() { return trainable_.floats(); }
  std::span<float> gradients() { return gradient_.floats(); }

  /// All parameters and buffers, in PyTorch's order of keys.
  static std::vector<NamedTensor> tensors() {
    std::vector<NamedTensor> result;
    for (int i = 1; i < graph().size; ++i) {
      const Node& node = graph()[i];
      const auto append = [&](const TensorSpecs& specs, bool is_buffer) {
        for (int k = 0; k < specs.count; ++k) {
          const TensorSpec& spec = specs[k];
          result.push_back({key_of(node, spec),
                            {spec.extents, spec.extents + spec.rank},
                            spec.type,
                            spec.size(),
                            !node.frozen && !is_buffer,
                            node.is_new,
                            is_buffer,
                            i,
                            k});
        }
      };
      append(declared(i).parameters(), false);
      append(declared(i).buffers(), true);
    }
    return result;
  }

  /// The tensor of this key. Throws: Error if there is none.
  static NamedTensor tensor(std::string_view key) {
    for (const NamedTensor& tensor : tensors())
      if (tensor.key == key) return tensor;
    throw Error(fmt::format("frostline: the network has no tensor '{}'", key));
  }

  /// Copies a tensor out of the network, in PyTorch's order. The element type is the tensor's own.
  template <class Number>
  void read(const NamedTensor& tensor, std::span<Number> numbers) const {
    check_access<Number>(tensor, numbers.size());
    std::memcpy(numbers.data(), place(tensor), numbers.size_bytes());
  }
  /// Copies a tensor into the network.
  template <class Number>
  void write(const NamedTensor& tensor, std::span<const Number> numbers) {
    check_access<Number>(tensor, numbers.size());
    std::memcpy(place(tensor), numbers.data(), numbers.size_bytes());
    changed_ = true;
  }
  /// A copy of the tensor of this key. Throws: Error if there is none, or it holds no floats.
  std::vector<float> values(std::string_view key) const {
    const NamedTensor found = tensor(key);
    std::vector<float> result(found.size);
    read(found, std::span(result));
    return result;
  }

  /// Gives all parameters and buffers their layers' initial values, drawn from this seed.
  void initialise(Seed first) {
    seed_ = first.value;
    initialise();
  }

 private:
  static constexpr int last = compiled<Model, In>.size - 1;
  static constexpr const auto& schedule() { return scheduled<Model, In>; }
  static constexpr const auto& plan() { return planned<Model, In>; }
  static constexpr const auto& layout() { return laid_out<Model, In>; }
  static constexpr const auto& table() { return step_table<Model, In, Backend>; }
  static constexpr std::size_t scratch_bytes() {
    std::size_t most = 0;
    for (const StepFacts& facts : table()) most = std::max(most, facts.scratch_bytes);
    return most;
  }
  static constexpr std::size_t packed_floats() {
    const StepFacts& facts = table().back();
    return facts.packed_offset + facts.packed_floats;
  }
  static int checked(MaxBatch batch) {
    if (batch.value < 1)
      throw Error(fmt::format("frostline: max_batch requires at least 1, got {}", batch.value));
    return batch.value;
  }
  int samples_in(std::span<const float> images) const {
    constexpr std::size_t sample = input_shape.size();
    const std::size_t samples = images.size() / sample;
    if (images.size() % sample != 0 || samples == 0)
      throw Error(fmt::format(
          "frostline: the network takes images of {}x{}x{} = {} numbers, got a span of {}",
          input_shape.channels, input_shape.height, input_shape.width, sample, images.size()));
    if (samples > std::size_t(max_batch_))
      throw Error(fmt::format("frostline: the network was made with max_batch({}), got {} images",
                              max_batch_, samples));
    return int(samples);
  }

  float* value(int node) const {
    return node == 0 ? const_cast<float*>(images_) : floats(plan().activations[node]);
  }
  float* gradient(int node) const { return floats(plan().gradients[node]); }
  float* floats(const Slot& slot) const { return reinterpret_cast<float*>(bytes(slot)); }
  std::byte* bytes(const Slot& slot) const {
    return slot.used() ? arena_.data() + slot.offset * std::size_t(max_batch_) : nullptr;
  }
  float* parameter(int node, int k) const {
    return (graph()[node].frozen ? frozen_ : trainable_).floats().data() +
           layout().parameters[node][k];
  }

  Call call_for(int s, bool training) const {
    const int i = schedule()[s].node;
    const Node& node = graph()[i];
    std::byte* fixed = arena_.data() + plan().per_sample.bytes * std::size_t(max_batch_);
    Call call;
    call.batch = batch_;
    call.threads = threads_;
    call.training = training;
    call.random = mix(seed_ ^ mix(steps_ * 4096 + std::uint64_t(i)));
    for (int k = 0; k < node.input_count; ++k) {
      call.inputs[k] = value(node.inputs[k]);
      if (node.input_gradient[k]) call.input_gradients[k] = gradient(node.inputs[k]);
    }
    call.output = value(node.output);
    if (node.has_backward()) call.output_gradient = gradient(i);
    for (int k = 0; k < TensorSpecs::capacity; ++k) {
      call.parameters[k] = parameter(i, k);
      if (!node.frozen)
        call.parameter_gradients[k] = gradient_.floats().data() + layout().parameters[i][k];
      call.buffers[k] = buffer(i, k);
    }
    call.saved = bytes(plan().saved[i]);
    call.saved_stride = plan().saved[i].bytes;
    if (plan().saved_fixed[i].used())
      call.saved_fixed = reinterpret_cast<float*>(fixed + plan().saved_fixed[i].offset);
    if (node.added != no_node) call.added = value(node.added);
    if (node.batch_norm != no_node)
      for (int k = 0; k < 2; ++k) {
        call.batch_norm_parameters[k] = parameter(node.batch_norm, k);
        call.batch_norm_buffers[k] = buffer(node.batch_norm, k);
      }
    call.packed = packed_.floats().data() + table()[std::size_t(s)].packed_offset;
    call.scratch = fixed + plan().fixed.bytes;
    call.scratch_stride = scratch_bytes();
    return call;
  }
  void run(int from, int to, bool training, bool accumulate) {
    for (int s = from; s < to; ++s) {
      Call call = call_for(s, training);
      call.accumulate = accumulate;
      table()[std::size_t(s)].run(call);
    }
  }
  void pack() {
    for (int s = 0; s < schedule().loss; ++s)
      if (table()[std::size_t(s)].pack) table()[std::size_t(s)].pack(call_for(s, false));
    changed_ = false;
  }

  static const Declared& declared(int i) {
    return DeclaredBy<Leaves<Model>>::table[graph()[i].layer];
  }
  static std::string key_of(const Node& node, const TensorSpec& spec) {
    const std::string_view path = node.path;
    return path.empty() ? std::string(spec.name) : fmt::format("{}.{}", path, spec.name);
  }
  float* buffer(int node, int k) const {
    return buffers_.floats().data() + layout().buffers[node][k];
  }
  float* place(const NamedTensor& tensor) const {
    return tensor.is_buffer ? buffer(tensor.node, tensor.index)
                            : parameter(tensor.node, tensor.index);
  }
  template <class Number>
  static void check_access(const NamedTensor& tensor, std::size_t numbers) {
    static_assert(std::same_as<Number, float> || std::same_as<Number, std::int64_t>,
                  "frostline: Network::read and write require floats or 64-bit integers");
    const bool integers = tensor.type == ElementType::i64;
    if (integers != std::same_as<Number, std::int64_t> || numbers != tensor.size)
      throw Error(fmt::format("frostline: '{}' holds {} numbers of type {}, not {}", tensor.key,
                              tensor.size, name_of(tensor.type), numbers));
  }

  void initialise() {
    std::uint64_t state = mix(seed_);
    for (int i = 1; i < graph().size; ++i) {
      const TensorSpecs parameters = declared(i).parameters(), buffers = declared(i).buffers();
      for (int k = 0; k < parameters.count; ++k)
        fill(parameters[k], parameter(i, k), state = mix(state));
      for (int k = 0; k < buffers.count; ++k) fill(buffers[k], buffer(i, k), state = mix(state));
    }
    changed_ = true;
  }
  static void fill(const TensorSpec& spec, float* data, std::uint64_t state) {
    if (spec.type != ElementType::f32) {
      std::memset(data, 0, spec.size() * size_of(spec.type));
      return;
    }
    std::mt19937_64 random{state};
    const auto unit = [&] { return (double(random() >> 11) + 0.5) * 0x1p-53; };  // in (0, 1)
    const double deviation = std::sqrt(double(spec.initial.value));
    for (std::size_t j = 0; j < spec.size(); ++j) {
      if (spec.initial.distribution == Initial::constant)
        data[j] = spec.initial.value;
      else if (spec.initial.distribution == Initial::uniform)
        data[j] = float((2 * unit() - 1) * std::sqrt(3.0) * deviation);
      else  // Box and Muller 1958
        data[j] = float(std::sqrt(-2 * std::log(unit())) * std::cos(6.283185307179586 * unit()) *
                        deviation);
    }
  }

  int max_batch_;
  int threads_;
  std::uint64_t seed_;
  std::uint64_t steps_ = 0;
  int batch_ = 0;
  const float* images_ = nullptr;
  bool changed_ = true;
  typename Backend::Memory arena_, trainable_, gradient_, frozen_, buffers_, packed_;
};

}  // namespace frostline
