// SPDX-License-Identifier: MIT
// Executor: the run-time loop of a program, compiled once for all models.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "frostline/network/arena.hpp"
#include "frostline/network/parameter_store.hpp"

namespace frostline::detail {

template <class Backend>
class NotFinite;

/// Runs a program: the part of Network that does not depend on its type. Network documents the
/// functions and their errors.
template <class Backend>
class Executor {
 public:
  using Context = typename Backend::Context;
  using Store = detail::ParameterStore<Backend>;

  /// With a store of its own. `class_count` is used only if the program has a bound of classes.
  Executor(const Program& program, int max_batch, int class_count, std::uint64_t seed,
           Context context);
  /// With another network's store.
  Executor(std::shared_ptr<Store> store, int max_batch);

  Store& store() { return *store_; }
  const Store& store() const { return *store_; }
  const std::shared_ptr<Store>& shared_store() const { return store_; }
  const Program& program() const { return store_->program(); }
  const Context& context() const { return store_->context(); }
  int classes() const { return store_->classes(); }
  int max_batch() const { return arena_.max_batch(); }
  int threads() const { return arena_.threads(); }

  // Spans are in the host's memory unless their type is SpanOf<Backend, ...>.

  /// Binds a batch: checks it, copies it to the device, repacks weights that changed, draws the
  /// step's seed. Runs in every step. `run_forward` and `backward` may be replayed from a recorded
  /// CUDA graph, so they read only what this function leaves in device memory.
  /// Throws: Error, with nothing changed, if the images do not fit.
  void bind(std::span<const float> images, bool training);
  /// Like bind, for a forward that begins at the cut, with features instead of images.
  void bind_features(std::span<const float> features, bool training);
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
  void run_forward(bool training);
  /// The shape of every output.
  Shape output_shape() const { return shape_of(output_node(0)); }
  Shape feature_shape() const { return shape_of(program().features); }
  /// The features of these images in evaluation mode: NCHW, in the host's memory, valid until the
  /// next call.
  std::span<const float> features(std::span<const float> images);
  std::span<const float> forward_features(std::span<const float> features, bool training);
  SpanOf<Backend, const float> outputs(int k = 0) const {
    return {value(output_node(k), {0, batch_}), output_count()};
  }
  /// The last forward's outputs, valid until the next call.
  std::span<const float> host_outputs();
  std::span<const float> forward(std::span<const float> images, bool training);
  /// Output k of the last forward. Throws: Error if there is no such output, or it was not
  /// computed or has been overwritten.
  SpanOf<Backend, const float> output(int k) const;
  /// Empty if the output depends on no trainable parameter.
  SpanOf<Backend, float> output_gradient(int k = 0) const {
    require_output(k);
    if (!program().gradients[output_node(k)].used()) return {};
    return {arena_.gradient(output_node(k)), output_count()};
  }
  void backward(bool accumulate);
  /// Calls `work`, which may queue kernels in the backend; `where` goes into its errors' text.
  template <class Work>
  static void queue(std::string_view where, const Path& node, Work work) {
    if constexpr (Backend::in_host_memory)
      work();
    else
      Backend::queue(where, node, work);
  }

 private:
  friend class NotFinite<Backend>;
  using Arena = detail::Arena<Backend>;

  static std::shared_ptr<Store> make_store(const Program& program, int max_batch, int class_count,
                                           std::uint64_t seed, Context context) {
    if (program.bound() > 0 && (class_count < 1 || class_count > program.bound()))
      throw Error(
          format_text("frostline: classes requires a number from 1 to {}, since the head is "
                      "made for AtMost<{}>, got {}",
                      program.bound(), program.bound(), class_count));
    const std::size_t bytes = Arena::bytes(program, max_batch) + Store::bytes(program);
    if constexpr (requires { Backend::require_room(context, Arena::name(max_batch), bytes); })
      Backend::require_room(context, Arena::name(max_batch), bytes);
    return std::make_shared<Store>(program, class_count, max_batch, seed, std::move(context));
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
    if (arena_.holds(numbers.data()) || store_->holds(numbers.data()))
      throw Error(format_text(
          "frostline: the {} are in the network's own memory, which it would overwrite while it "
          "reads them; copy them first",
          what));
    return int(samples);
  }
  /// Throws: Error, with nothing changed, if the network cannot train on this many samples.
  void begin(int batch, bool training) {
    if (training) require_statistics(batch);
    kept_ = 0;
    computed_ = Computed::nothing;
    batch_ = batch;
    store_->initialise_rest();
    if (store_->changed()) pack();
    if (!training) return;
    const std::uint64_t step = store_->begin_step();
    Backend::copy_in(context(), arena_.step(), &step, sizeof step);
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
  const Node& node(int i) const { return program().nodes[std::size_t(i)]; }
  Shape shape_of(int node) const { return program().shape_of(node, classes()); }
  float* value(int node, const Images& images) const {
    if (node > 0) return arena_.value(node, images.first, images.worker);
    return const_cast<float*>(images_) + std::size_t(images.first) * this->node(0).out.size();
  }

  Call call_for(int s, const Images& images) const {
    const int i = program().steps[std::size_t(s)].node;
    const Node& node = this->node(i);
    Call call;
    call.context = &context();
    call.batch = images.count;
    call.max_batch = store_->max_batch();
    call.classes = classes();
    call.first_channel = node.first_channel;
    call.team = images.team;
    call.training = images.training;
    call.random = mix(std::uint64_t(i));
    call.step = arena_.step();
    for (int k = 0; k < node.input_count; ++k) {
      call.inputs[k] = value(node.inputs[k], images);
      if (node.input_gradient[k]) call.input_gradients[k] = arena_.gradient(node.inputs[k]);
    }
    call.output = value(node.output, images);
    if (node.has_gradient) call.output_gradient = arena_.gradient(i);
    for (int k = 0; k < TensorSpecs::capacity; ++k) {
      call.parameters[k] = store_->parameter(i, k);
      call.parameter_gradients[k] = store_->parameter_gradient(i, k);
      call.buffers[k] = store_->buffer(i, k);
    }
    call.saved = arena_.saved(i);
    call.saved_stride = program().saved[i].bytes;
    call.saved_fixed = arena_.saved_fixed(i);
    if (node.added != no_node) call.added = value(node.added, images);
    if (node.batch_norm != no_node) {
      call.batch_norm_epsilon = program().nodes[std::size_t(node.batch_norm)].epsilon;
      for (int k = 0; k < 2; ++k) {
        call.batch_norm_parameters[k] = store_->parameter(node.batch_norm, k);
        call.batch_norm_buffers[k] = store_->buffer(node.batch_norm, k);
      }
    }
    call.packed = store_->packed(s);
    set_scratch(call, images);
    return call;
  }
  void set_scratch(Call& call, const Images& images) const {
    const std::size_t steps =
        images.alone ? std::size_t(program().per_image_steps) : program().facts.size();
    call.scratch = arena_.scratch();
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
      queue("in ", node(program().steps[std::size_t(s)].node).path,
            [&] { program().facts[std::size_t(s)].run(call); });
      images.team.sync();
    }
  }
  /// Packs the parameters of the steps that have any to pack: only the trainable ones if no frozen
  /// ones have changed.
  void pack() {
    const bool frozen_too = store_->frozen_changed();
    if (frozen_too)
      store_->for_each_lender([](const Lender& lender) { lender.require_unchanged(); });
    Backend::run(threads(), [&](const Team& team) {
      for (int s = 0; s < int(program().steps.size()); ++s) {
        const StepFacts& facts = program().facts[std::size_t(s)];
        const Node& node = this->node(program().steps[std::size_t(s)].node);
        if (!facts.pack || (!node.trains() && !frozen_too)) continue;
        Call call = call_for(s, {0, batch_, false, team});
        call.frozen_changed = frozen_too;
        queue("packing ", node.path, [&] { facts.pack(call); });
        team.sync();
      }
    });
    if (frozen_too) store_->for_each_lender([](const Lender& lender) { lender.rest(); });
    store_->note_packed();
  }

  std::shared_ptr<Store> store_;
  Arena arena_;
  int batch_ = 0;
  std::uint64_t kept_ = 0;  // the store's version whose values a backward can use, or 0
  enum class Computed { nothing, in_evaluation, in_training } computed_ = Computed::nothing;
  int first_ = 0;  // the step that the batch begins at: 0, or the cut
  const float* images_ = nullptr;
  const float* features_ = nullptr;  // in the host's memory
  std::vector<float> host_outputs_;
};

// Outside the class they are not inline, so that a program with frostline::compiled need not
// instantiate them.

template <class Backend>
Executor<Backend>::Executor(const Program& program, int max_batch, int class_count,
                            std::uint64_t seed, Context context)
    : Executor(make_store(program, max_batch, class_count, seed, std::move(context)), max_batch) {}

template <class Backend>
Executor<Backend>::Executor(std::shared_ptr<Store> store, int max_batch)
    : store_(std::move(store)), arena_(program(), classes(), max_batch, context()) {}

template <class Backend>
void Executor<Backend>::bind(std::span<const float> images, bool training) {
  begin(samples_in(images, node(0).out, "images"), training);
  first_ = 0;
  images_ = images.data();
  if constexpr (!Backend::in_host_memory) {
    Backend::copy_in(context(), arena_.input(), images.data(), images.size_bytes());
    images_ = arena_.input();
  }
}

template <class Backend>
void Executor<Backend>::bind_features(std::span<const float> features, bool training) {
  begin(samples_in(features, feature_shape(), "features"), training);
  first_ = program().cut;
  images_ = nullptr;
  features_ = features.data();
  if constexpr (!Backend::in_host_memory) copy_features_in();
}

template <class Backend>
void Executor<Backend>::run_forward(bool training) {
  run_up_to(program().loss, training);
  kept_ = training ? store_->version() : 0;
  computed_ = training ? Computed::in_training : Computed::in_evaluation;
}

template <class Backend>
std::span<const float> Executor<Backend>::features(std::span<const float> images) {
  if (program().cut == program().loss) return forward(images, false);
  bind(images, false);
  host_outputs_.resize(std::size_t(batch_) * feature_shape().size());
  run_up_to(program().cut, false);
  if constexpr (!Backend::in_host_memory)
    Backend::copy_out(context(), host_outputs_.data(), value(program().features, {0, batch_}),
                      host_outputs_.size() * sizeof(float));
  return host_outputs_;
}

template <class Backend>
std::span<const float> Executor<Backend>::forward_features(std::span<const float> features,
                                                           bool training) {
  bind_features(features, training);
  run_forward(training);
  return host_outputs();
}

template <class Backend>
std::span<const float> Executor<Backend>::host_outputs() {
  if constexpr (Backend::in_host_memory) {
    return outputs();
  } else {
    host_outputs_.resize(output_count());
    Backend::copy_out(context(), host_outputs_.data(), outputs().data(), outputs().size_bytes());
    return host_outputs_;
  }
}

template <class Backend>
std::span<const float> Executor<Backend>::forward(std::span<const float> images, bool training) {
  bind(images, training);
  run_forward(training);
  return host_outputs();
}

template <class Backend>
SpanOf<Backend, const float> Executor<Backend>::output(int k) const {
  require_output(k);
  if (computed_ == Computed::nothing)
    throw Error(
        "frostline: outputs are valid from a forward to the next call of the network; a backward "
        "overwrites them with gradients");
  if (k > 0 && computed_ != Computed::in_training)
    throw Error("frostline: only a forward with training computes auxiliary outputs");
  return outputs(k);
}

template <class Backend>
void Executor<Backend>::backward(bool accumulate) {
  if (kept_ != store_->version())
    throw Error(
        "frostline: backward requires a forward with training just before it; it can run once "
        "after each, and not after predict, evaluate, or anything that changes weights");
  kept_ = 0;
  computed_ = Computed::nothing;
  Backend::run(threads(), [&](const Team& team) {
    run_steps(program().backward, int(program().steps.size()), {0, batch_, true, team}, accumulate);
  });
  store_->note_update();
}

}  // namespace frostline::detail
