// SPDX-License-Identifier: MIT
// Executor: the run-time loop of a program, compiled once for all models.
#pragma once

#include <algorithm>
#include <atomic>
#include <span>
#include <vector>

#include "frostline/network/weights.hpp"

namespace frostline {

template <class Backend>
class NotFinite;

/// Runs a program: the part of Network that does not depend on its type. Network documents the
/// functions and their errors.
template <class Backend>
class Executor {
 public:
  using Context = typename Backend::Context;

  /// `class_count` is used only if the program has a bound of classes.
  Executor(const Program& program, int max_batch, int class_count, std::uint64_t seed,
           Context context)
      : classes_(checked(program, class_count)),
        memory_(program, max_batch, std::move(context)),
        weights_(memory_, classes_, seed) {}

  const Program& program() const { return memory_.program(); }
  int max_batch() const { return memory_.max_batch(); }
  int classes() const { return classes_; }  // 0: the program has no bound of them
  std::vector<NamedTensor> tensors() const { return tensors_of(program(), classes_); }
  int threads() const { return memory_.threads(); }
  const Context& context() const { return memory_.context(); }
  // Spans are in the backend's memory unless a comment says that they are in the host's.
  std::span<float> trainable() {
    kept_ = false;
    weights_.initialise_rest(memory_);
    weights_.note_update();  // the next forward packs them again
    return {memory_.trainable(), program().trainable_floats};
  }
  std::span<float> gradients() const { return {memory_.gradients(), program().trainable_floats}; }

  /// Binds a batch: checks it, copies it to the device, repacks weights that changed, draws the
  /// step's seed. Runs in every step. `run_forward` and `backward` may be replayed from a recorded
  /// CUDA graph, so they read only what this function leaves in device memory.
  /// Throws: Error, with nothing changed, if the images do not fit.
  void bind(std::span<const float> images, bool training) {
    begin(samples_in(images, memory_.node(0).out, "images"), training);
    first_ = 0;
    images_ = images.data();
    if constexpr (!Backend::in_host_memory) {
      Backend::copy_in(context(), memory_.input(), images.data(), images.size_bytes());
      images_ = memory_.input();
    }
  }
  /// Like bind, for a forward that begins at the cut, with features instead of images.
  void bind_features(std::span<const float> features, bool training) {
    begin(samples_in(features, feature_shape(), "features"), training);
    first_ = program().cut;
    images_ = nullptr;
    features_ = features.data();
    if constexpr (!Backend::in_host_memory) copy_features_in();
  }
  /// Throws: Error if a batch norm would compute the statistics of a single value per channel,
  /// whose variance is 0; PyTorch refuses this too.
  void require_statistics(int batch) const {
    for (const Node& node : program().nodes)
      if (node.kind == Kind::batch_norm && node.statistics == Statistics::batch &&
          std::size_t(batch) * node.in.pixels() == 1)
        throw Error(format_text(
            "frostline: the batch norm '{}' requires more than one value per channel to train, "
            "got a batch of one image with 1x1 pixels there; skip such a batch",
            std::string_view(node.path)));
  }
  /// Computes the forward of the batch that was bound.
  void run_forward(bool training) {
    run_up_to(program().loss, training);
    kept_ = training;
    computed_ = training ? Computed::in_training : Computed::in_evaluation;
  }
  /// The shape of every output.
  Shape output_shape() const { return shape_of(output_node(0)); }
  Shape feature_shape() const { return shape_of(program().features); }
  /// The features of these images in evaluation mode: NCHW, in the host's memory, valid until the
  /// next call.
  std::span<const float> features(std::span<const float> images) {
    if (program().cut == program().loss) return forward(images, false);
    bind(images, false);
    host_outputs_.resize(std::size_t(batch_) * feature_shape().size());
    run_up_to(program().cut, false);
    if constexpr (!Backend::in_host_memory)
      Backend::copy_out(context(), host_outputs_.data(), value(program().features, {0, batch_}),
                        host_outputs_.size() * sizeof(float));
    return host_outputs_;
  }
  std::span<const float> forward_features(std::span<const float> features, bool training) {
    bind_features(features, training);
    run_forward(training);
    return host_outputs();
  }
  /// The last forward's outputs, in the backend's memory.
  std::span<const float> outputs(int k = 0) const {
    return {value(output_node(k), {0, batch_}), output_count()};
  }
  /// The same in the host's memory, valid until the next call.
  std::span<const float> host_outputs() {
    if constexpr (Backend::in_host_memory) {
      return outputs();
    } else {
      host_outputs_.resize(output_count());
      Backend::copy_out(context(), host_outputs_.data(), outputs().data(), outputs().size_bytes());
      return host_outputs_;
    }
  }
  std::span<const float> forward(std::span<const float> images, bool training) {
    bind(images, training);
    run_forward(training);
    return host_outputs();
  }
  /// Output k of the last forward. Throws: Error if there is no such output, or it was not
  /// computed or has been overwritten.
  std::span<const float> output(int k) const {
    require_output(k);
    if (computed_ == Computed::nothing)
      throw Error(
          "frostline: outputs are valid from a forward to the next call of the network; a backward "
          "overwrites them with gradients");
    if (k > 0 && computed_ != Computed::in_training)
      throw Error("frostline: only a forward with training computes auxiliary outputs");
    return outputs(k);
  }
  /// Empty if the output depends on no trainable parameter.
  std::span<float> output_gradient(int k = 0) const {
    require_output(k);
    if (!program().gradients[output_node(k)].used()) return {};
    return {gradient(output_node(k)), output_count()};
  }
  void backward(bool accumulate) {
    if (!kept_)
      throw Error(
          "frostline: backward requires a forward with training just before it; it can run once "
          "after each, and not after predict, evaluate, or anything that changes weights");
    kept_ = false;
    computed_ = Computed::nothing;
    Backend::run(threads(), [&](const Team& team) {
      run_steps(program().backward, int(program().steps.size()), {0, batch_, true, team},
                accumulate);
    });
    note_update();
  }
  /// Calls `work`, which may queue kernels in the backend; `where` goes into its errors' text.
  template <class Work>
  static void queue(std::string_view where, const Path& node, Work work) {
    if constexpr (Backend::in_host_memory)
      work();
    else
      Backend::queue(where, node, work);
  }
  /// Records that the trainable parameters change, so that the next forward packs them again.
  void note_update() { weights_.note_update(); }

  // To undo a step: a forward with training changes these buffers.
  std::size_t moved_buffer_bytes() const {
    for (const Node& node : program().nodes)
      if (node.layer != no_node && node.statistics == Statistics::batch &&
          program().declared[node.layer].buffers().count > 0)
        return program().buffer_floats * sizeof(float);
    return 0;
  }
  void copy_buffers(const typename Backend::Memory& to) const {
    Backend::copy(context(), to.data(), memory_.buffers(), to.size());
  }
  void restore_buffers(const typename Backend::Memory& from) {
    Backend::copy(context(), memory_.buffers(), from.data(), from.size());
    context().synchronize();
  }
  /// The number of forwards with training, also of steps that were undone. If it grew, the
  /// gradients may have changed.
  std::uint64_t training_forwards() const { return training_forwards_; }
  /// The next step draws the same random numbers as the last one.
  void forget_step() { --steps_; }
  template <class Number>
  void read(const NamedTensor& tensor, std::span<Number> numbers) const {
    weights_.read(memory_, tensor, numbers);
  }
  template <class Number>
  void write(const NamedTensor& tensor, std::span<const Number> numbers) {
    kept_ = false;
    weights_.write(memory_, tensor, numbers);
  }
  /// See Weights::borrow.
  bool borrow(const NamedTensor& tensor, Loan loan) {
    kept_ = false;
    return weights_.borrow(memory_, tensor, std::move(loan));
  }
  void initialise(std::uint64_t seed) {
    kept_ = false;
    weights_.initialise(seed);
  }

 private:
  friend class NotFinite<Backend>;

  static int checked(const Program& program, int class_count) {
    if (program.bound() > 0 && (class_count < 1 || class_count > program.bound()))
      throw Error(
          format_text("frostline: classes requires a number from 1 to {}, since the head is "
                      "made for AtMost<{}>, got {}",
                      program.bound(), program.bound(), class_count));
    return class_count;
  }
  /// The images that a call computes, and the team that computes them.
  struct Images {
    int first, count;
    bool training = false;
    Team team{};
    int worker = 0;      // the thread whose memory for single images is used
    bool alone = false;  // one thread computes them
  };

  int samples_in(std::span<const float> numbers, Shape shape, std::string_view what) const {
    const std::size_t sample = shape.size(), samples = numbers.size() / sample;
    if (numbers.size() % sample != 0 || samples == 0)
      throw Error(
          format_text("frostline: the network takes {} of {}x{}x{} = {} numbers, got a span of {}",
                      what, shape.channels, shape.height, shape.width, sample, numbers.size()));
    if (samples > std::size_t(max_batch()))
      throw Error(format_text("frostline: the network was made with max_batch({}), got {} {}",
                              max_batch(), samples, what));
    if (memory_.holds(numbers.data()))
      throw Error(
          format_text("frostline: a network would overwrite its own outputs while it takes them as "
                      "{}; copy them first",
                      what));
    return int(samples);
  }
  /// Throws: Error, with nothing changed, if the network cannot train on this many samples.
  void begin(int batch, bool training) {
    if (training) require_statistics(batch);
    kept_ = false;
    computed_ = Computed::nothing;
    batch_ = batch;
    weights_.initialise_rest(memory_);
    if (weights_.changed()) pack();
    if (!training) return;
    ++training_forwards_;
    const std::uint64_t step = mix(weights_.seed() ^ mix(++steps_));
    Backend::copy_in(context(), memory_.step(), &step, sizeof step);
  }
  /// Runs the steps from the batch's first one up to `last`: the loss, or the cut. One team runs
  /// the whole pass. In the prefix each free thread takes the next image, so that the image's
  /// values stay in one cache and a slow thread computes fewer images. The whole team computes each
  /// of the last `batch % threads` images.
  void run_up_to(int last, bool training) {
    const int first = first_, middle = std::clamp(program().per_image_steps, first, last);
    std::atomic<int> next = 0;
    Backend::run(threads(), [&](const Team& team) {
      const auto part = [&](int from, int to, const Images& images) {
        if (from == first && first > 0) load_features(images);
        run_steps(from, to, images);
        if (to == last && last < program().loss) store_features(images);
      };
      if (middle > first) {
        const int alone = batch_ / team.threads * team.threads;
        for (int n; (n = next.fetch_add(1, std::memory_order_relaxed)) < alone;)
          part(first, middle, {n, 1, training, Team{}, team.thread, true});
        team.sync();
        for (int n = alone; n < batch_; ++n) part(first, middle, {n, 1, training, team});
      }
      if (middle < last) part(middle, last, {0, batch_, training, team});
    });
  }
  /// Copies features from the caller's NCHW memory to the arena, or back. In a device's memory
  /// these functions do nothing, since `bind_features` and `features` copy.
  void load_features(const Images& images) {
    convert_features(program().load_features, features_ + features_before(images),
                     value(program().features, images), images);
  }
  void store_features(const Images& images) {
    convert_features(program().store_features, value(program().features, images),
                     host_outputs_.data() + features_before(images), images);
  }
  std::size_t features_before(const Images& images) const {
    return std::size_t(images.first) * feature_shape().size();
  }
  void copy_features_in() {
    Backend::copy_in(context(), value(program().features, {0, batch_}), features_,
                     std::size_t(batch_) * feature_shape().size() * sizeof(float));
  }
  void convert_features(KernelFunction kernel, const float* from, float* to, const Images& images) {
    if constexpr (Backend::in_host_memory) {
      if (kernel) {
        Call call;
        call.context = &context();
        call.batch = images.count;
        call.team = images.team;
        call.inputs[0] = from;
        call.output = to;
        kernel(call);
      } else if (images.team.thread == 0) {
        std::copy_n(from, std::size_t(images.count) * feature_shape().size(), to);
      }
      images.team.sync();
    }
  }
  void require_output(int k) const {
    if (k < 0 || k >= int(program().outputs.size()))
      throw Error(format_text("frostline: the network has {} output(s), but no output {}",
                              program().outputs.size(), k));
  }
  int output_node(int k) const { return program().outputs[std::size_t(k)].node; }
  std::size_t output_count() const { return std::size_t(batch_) * output_shape().size(); }
  /// The shape of a node's value per sample, and its floats in their layout.
  Shape shape_of(int node) const {
    Shape shape = memory_.node(node).out;
    if (memory_.node(node).bounded_output) shape.channels = classes_;
    return shape;
  }
  std::size_t floats_of(int node) const {
    return memory_.node(node).bounded_output ? shape_of(node).size() : memory_.node(node).floats;
  }
  float* value(int node, const Images& images) const {
    const std::size_t skipped = std::size_t(images.first) * floats_of(node);
    if (node == 0) return const_cast<float*>(images_) + skipped;
    const Slot& slot = program().activations[node];
    if (slot.inside != no_node) return value(slot.inside, images) + slot.inner;
    if (slot.per_thread) return reinterpret_cast<float*>(memory_.own(slot, images.worker));
    return slot.used() ? reinterpret_cast<float*>(memory_.batch(slot)) + skipped : nullptr;
  }
  float* gradient(int node) const {
    const Slot& slot = program().gradients[node];
    if (slot.inside != no_node) return gradient(slot.inside);
    return reinterpret_cast<float*>(memory_.batch(slot));
  }

  Call call_for(int s, const Images& images) const {
    const int i = program().steps[std::size_t(s)].node;
    const Node& node = memory_.node(i);
    Call call;
    call.context = &context();
    call.batch = images.count;
    call.max_batch = max_batch();
    call.classes = classes_;
    call.first_channel = node.first_channel;
    call.team = images.team;
    call.training = images.training;
    call.random = mix(std::uint64_t(i));
    call.step = memory_.step();
    for (int k = 0; k < node.input_count; ++k) {
      call.inputs[k] = value(node.inputs[k], images);
      if (node.input_gradient[k]) call.input_gradients[k] = gradient(node.inputs[k]);
    }
    call.output = value(node.output, images);
    if (node.has_gradient) call.output_gradient = gradient(i);
    for (int k = 0; k < TensorSpecs::capacity; ++k) {
      call.parameters[k] = weights_.parameter(memory_, i, k);
      call.parameter_gradients[k] = memory_.parameter_gradient(i, k);
      call.buffers[k] = memory_.buffer(i, k);
    }
    call.saved = memory_.batch(program().saved[i]);
    call.saved_stride = program().saved[i].bytes;
    call.saved_fixed = reinterpret_cast<float*>(memory_.fixed(program().saved_fixed[i]));
    if (node.added != no_node) call.added = value(node.added, images);
    if (node.batch_norm != no_node) {
      call.batch_norm_epsilon = memory_.node(node.batch_norm).epsilon;
      for (int k = 0; k < 2; ++k) {
        call.batch_norm_parameters[k] = memory_.parameter(node.batch_norm, k);
        call.batch_norm_buffers[k] = memory_.buffer(node.batch_norm, k);
      }
    }
    call.packed = memory_.packed(s);
    set_scratch(call, images);
    return call;
  }
  void set_scratch(Call& call, const Images& images) const {
    const std::size_t steps =
        images.alone ? std::size_t(program().per_image_steps) : program().facts.size();
    call.scratch = memory_.scratch();
    call.shared_scratch_bytes = program().shared_scratch_bytes(steps);
    call.scratch_stride = program().scratch_bytes(steps);
    if (images.alone)
      call.scratch +=
          (call.shared_scratch_bytes + call.scratch_stride) * std::size_t(images.worker);
  }

  void run_steps(int from, int to, const Images& images, bool accumulate = false) {
    for (int s = from; s < to; ++s) {
      if (program().steps[std::size_t(s)].auxiliary && !images.training) continue;
      if (!program().facts[std::size_t(s)].run) continue;
      Call call = call_for(s, images);
      call.accumulate = accumulate;
      queue("in ", memory_.node(program().steps[std::size_t(s)].node).path,
            [&] { program().facts[std::size_t(s)].run(call); });
      images.team.sync();
    }
  }
  /// Packs the parameters of the steps that have any to pack: only the trainable ones if no frozen
  /// ones have changed.
  void pack() {
    const bool frozen_too = weights_.frozen_changed();
    if (frozen_too)
      weights_.for_each_lender([](const Lender& lender) { lender.require_unchanged(); });
    Backend::run(threads(), [&](const Team& team) {
      for (int s = 0; s < int(program().steps.size()); ++s) {
        const StepFacts& facts = program().facts[std::size_t(s)];
        const Node& node = memory_.node(program().steps[std::size_t(s)].node);
        if (!facts.pack || (!node.trains() && !frozen_too)) continue;
        Call call = call_for(s, {0, batch_, false, team});
        call.frozen_changed = frozen_too;
        queue("packing ", node.path, [&] { facts.pack(call); });
        team.sync();
      }
    });
    if (frozen_too) weights_.for_each_lender([](const Lender& lender) { lender.rest(); });
    weights_.note_packed();
  }

  int classes_;
  NetworkMemory<Backend> memory_;
  Weights<Backend> weights_;
  std::uint64_t steps_ = 0, training_forwards_ = 0;
  int batch_ = 0;
  bool kept_ = false;  // the values that a backward needs are those of the last forward
  enum class Computed { nothing, in_evaluation, in_training } computed_ = Computed::nothing;
  int first_ = 0;  // the step that the batch begins at: 0, or the cut
  const float* images_ = nullptr;
  const float* features_ = nullptr;  // in the host's memory
  std::vector<float> host_outputs_;
};

}  // namespace frostline
