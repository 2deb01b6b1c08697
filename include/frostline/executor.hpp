// SPDX-License-Identifier: MIT
// Executor: the memory and the run-time loop of a program, compiled once for all models.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <concepts>
#include <cstring>
#include <span>
#include <vector>

#include "frostline/core/initial_values.hpp"
#include "frostline/core/lender.hpp"
#include "frostline/core/random.hpp"
#include "frostline/graph/memory_parts.hpp"
#include "frostline/graph/named_tensor.hpp"

namespace frostline {

/// What Network does once its program is known. Errors and meanings are described there.
template <class Backend>
class Executor {
 public:
  using Context = typename Backend::Context;

  Executor(const Program& program, int max_batch, std::uint64_t seed, Context context)
      : program_(&program),
        context_(std::move(context)),
        max_batch_(checked(max_batch)),
        threads_(Backend::threads()),
        seed_(seed),
        parts_(program, max_batch, threads_, !Backend::in_host_memory),
        memory_(allocate()),
        loans_(program.nodes.size()),
        written_(program.nodes.size()) {}

  const Program& program() const { return *program_; }
  int max_batch() const { return max_batch_; }
  int threads() const { return threads_; }
  const Context& context() const { return context_; }
  // Spans lie in the backend's memory unless they are said to be of the host.
  std::span<float> trainable() {
    initialise_rest();
    changed_ = true;  // kernels that keep it packed pack it anew
    return {at<float>(parts_.trainable), program_->trainable_floats};
  }
  std::span<float> gradients() const {
    return {at<float>(parts_.gradient), program_->trainable_floats};
  }

  /// What a forward of these images begins with: all that a recording of it would not repeat.
  void take(std::span<const float> images, bool training) {
    batch_ = samples_in(images);
    images_ = images.data();
    if constexpr (!Backend::in_host_memory) {
      Backend::copy_in(context_, at<float>(parts_.input), images.data(), images.size_bytes());
      images_ = at<float>(parts_.input);
    }
    initialise_rest();
    if (changed_) pack();
    if (!training) return;
    const std::uint64_t step = mix(seed_ ^ mix(++steps_));
    Backend::copy_in(context_, at<std::uint64_t>(parts_.step), &step, sizeof step);
  }
  /// The rest. One team runs the whole pass. In the prefix whoever is free takes the next image, so
  /// that its values stay in one cache and a slow thread has less to do; the team shares those that
  /// are left over.
  void compute(bool training) {
    std::atomic<int> next = 0;
    Backend::run(threads_, [&](const Team& team) {
      if (program_->prefix > 0) {
        const int alone = batch_ / team.threads * team.threads;
        for (int n; (n = next.fetch_add(1, std::memory_order_relaxed)) < alone;)
          run_steps(0, program_->prefix, {n, 1, training, Team{}, team.thread, true});
        team.sync();
        for (int n = alone; n < batch_; ++n) run_steps(0, program_->prefix, {n, 1, training, team});
      }
      run_steps(program_->prefix, program_->loss, {0, batch_, training, team});
    });
  }
  /// The last forward's outputs, in the backend's memory.
  std::span<const float> outputs() const { return {value(last(), all_images()), output_count()}; }
  /// The same, in the host's memory until the next call.
  std::span<const float> host_outputs() {
    if constexpr (Backend::in_host_memory) {
      return outputs();
    } else {
      host_outputs_.resize(output_count());
      Backend::copy_out(context_, host_outputs_.data(), outputs().data(), outputs().size_bytes());
      return host_outputs_;
    }
  }
  std::span<const float> forward(std::span<const float> images, bool training) {
    take(images, training);
    compute(training);
    return host_outputs();
  }
  std::span<float> output_gradient() const { return {gradient(last()), output_count()}; }
  void backward(bool accumulate) {
    Backend::run(threads_, [&](const Team& team) {
      run_steps(program_->loss + 1, int(program_->steps.size()), {0, batch_, true, team},
                accumulate);
    });
    note_update();
  }
  /// Says that somebody who holds `trainable` changes it.
  void note_update() { changed_ = true; }

  template <class Number>
  void read(const NamedTensor& tensor, std::span<Number> numbers) const {
    check_access<Number>(tensor, numbers.size());
    initialise_rest();
    const Loan& loan = loan_of(tensor);
    if (loan.lender) loan.lender->require_unchanged();
    Backend::copy_out(context_, numbers.data(), loan.lender ? loan.floats : place(tensor),
                      numbers.size_bytes());
  }
  template <class Number>
  void write(const NamedTensor& tensor, std::span<const Number> numbers) {
    check_access<Number>(tensor, numbers.size());
    loan_of(tensor) = {};
    Backend::copy_in(context_, place(tensor), numbers.data(), numbers.size_bytes());
    context_.synchronize();
    note_written(tensor);
  }
  /// As write, without a copy, where a frozen tensor is read when it is packed and no more.
  /// Returns whether it is such a one; if not, nothing has happened.
  bool borrow(const NamedTensor& tensor, Loan loan) {
    if (!may_be_lent(tensor)) return false;
    loan_of(tensor) = std::move(loan);
    note_written(tensor);
    return true;
  }

  void initialise(std::uint64_t seed) {
    seed_ = seed;
    for (auto& written : written_) written.reset();
    for (auto& loans : loans_) loans.fill({});
    all_written_ = false;
    changed_ = frozen_changed_ = true;
  }

 private:
  static int checked(int max_batch) {
    if (max_batch < 1)
      throw Error(format_text("frostline: max_batch requires at least 1, got {}", max_batch));
    return max_batch;
  }
  typename Backend::Memory allocate() const {
    Backend::require_room(context_, parts_.bytes);
    return typename Backend::Memory(parts_.bytes, parts_.kept);
  }
  template <class T>
  T* at(std::size_t byte) const {
    return reinterpret_cast<T*>(memory_.data() + byte);
  }
  int samples_in(std::span<const float> images) const {
    const Shape shape = program_->nodes[0].out;
    const std::size_t sample = shape.size(), samples = images.size() / sample;
    if (images.size() % sample != 0 || samples == 0)
      throw Error(format_text(
          "frostline: the network takes images of {}x{}x{} = {} numbers, got a span of {}",
          shape.channels, shape.height, shape.width, sample, images.size()));
    if (samples > std::size_t(max_batch_))
      throw Error(format_text("frostline: the network was made with max_batch({}), got {} images",
                              max_batch_, samples));
    return int(samples);
  }

  /// Which images a call computes, and by which team.
  struct Images {
    int first, count;
    bool training = false;
    Team team{};
    int worker = 0;  // whose memory of single images
    bool alone = false;
  };

  int last() const { return int(program_->nodes.size()) - 1; }
  std::size_t output_count() const {
    return std::size_t(batch_) * program_->nodes.back().out.size();
  }
  Images all_images() const { return {0, batch_}; }
  float* value(int node, const Images& images) const {
    const std::size_t floats_of_sample = program_->nodes[std::size_t(node)].floats;
    const std::size_t skipped = std::size_t(images.first) * floats_of_sample;
    if (node == 0) return const_cast<float*>(images_) + skipped;
    const Slot& slot = program_->activations[node];
    if (!slot.per_thread) return slot.used() ? floats(slot) + skipped : nullptr;
    return reinterpret_cast<float*>(thread_memory() + slot.offset +
                                    program_->thread_bytes * std::size_t(images.worker));
  }
  float* gradient(int node) const { return floats(program_->gradients[node]); }
  float* floats(const Slot& slot) const { return reinterpret_cast<float*>(bytes(slot)); }
  std::byte* bytes(const Slot& slot) const {
    return slot.used() ? arena() + slot.offset * std::size_t(max_batch_) : nullptr;
  }
  std::byte* arena() const { return at<std::byte>(parts_.arena); }
  // The arena: what grows with the batch, what does not, a part a thread, scratch.
  std::byte* fixed_memory() const {
    return arena() + program_->sample_bytes * std::size_t(max_batch_);
  }
  std::byte* thread_memory() const { return fixed_memory() + program_->fixed_bytes; }
  std::byte* scratch_memory() const {
    return thread_memory() + program_->thread_bytes * std::size_t(threads_);
  }
  float* parameter(int node, int k) const {
    const bool frozen = program_->nodes[std::size_t(node)].frozen;
    return at<float>(frozen ? parts_.frozen : parts_.trainable) + program_->parameters[node][k];
  }
  float* buffer(int node, int k) const {
    return at<float>(parts_.buffers) + program_->buffers[node][k];
  }
  float* place(const NamedTensor& tensor) const {
    return tensor.is_buffer ? buffer(tensor.node, tensor.index)
                            : parameter(tensor.node, tensor.index);
  }
  static std::size_t order_of(const NamedTensor& tensor) {
    return order_of(tensor.is_buffer, tensor.index);
  }
  const Loan& loan_of(const NamedTensor& tensor) const {
    return loans_[std::size_t(tensor.node)][order_of(tensor)];
  }
  Loan& loan_of(const NamedTensor& tensor) {
    return loans_[std::size_t(tensor.node)][order_of(tensor)];
  }
  void note_written(const NamedTensor& tensor) {
    written_[std::size_t(tensor.node)][order_of(tensor)] = true;
    changed_ = frozen_changed_ = true;
  }
  bool may_be_lent(const NamedTensor& tensor) const {
    bool result = Backend::in_host_memory && program_->nodes[std::size_t(tensor.node)].frozen &&
                  !tensor.is_buffer && tensor.extents.size() >= 2;
    for (std::size_t s = 0; s < program_->steps.size(); ++s)
      if (program_->steps[s].node == tensor.node && int(s) != program_->loss)
        result = result && program_->facts[s].reads_packed_alone;
    return result;
  }
  template <class Number>
  static void check_access(const NamedTensor& tensor, std::size_t numbers) {
    static_assert(std::same_as<Number, float> || std::same_as<Number, std::int64_t>,
                  "frostline: Network::read and write require floats or 64-bit integers");
    const bool integers = tensor.type == ElementType::i64;
    if (integers != std::same_as<Number, std::int64_t> || numbers != tensor.size)
      throw Error(format_text("frostline: '{}' holds {} numbers of type {}, not {}", tensor.key,
                              tensor.size, name_of(tensor.type), numbers));
  }

  Call call_for(int s, const Images& images) const {
    const int i = program_->steps[std::size_t(s)].node;
    const Node& node = program_->nodes[std::size_t(i)];
    Call call;
    call.context = &context_;
    call.batch = images.count;
    call.max_batch = max_batch_;
    call.team = images.team;
    call.training = images.training;
    call.random = mix(std::uint64_t(i));
    call.step = at<std::uint64_t>(parts_.step);
    for (int k = 0; k < node.input_count; ++k) {
      call.inputs[k] = value(node.inputs[k], images);
      if (node.input_gradient[k]) call.input_gradients[k] = gradient(node.inputs[k]);
    }
    call.output = value(node.output, images);
    if (node.has_backward()) call.output_gradient = gradient(i);
    for (int k = 0; k < TensorSpecs::capacity; ++k) {
      const Loan& loan = loans_[std::size_t(i)][order_of(false, k)];
      call.parameters[k] = loan.lender ? loan.floats : parameter(i, k);
      if (!node.frozen)
        call.parameter_gradients[k] = at<float>(parts_.gradient) + program_->parameters[i][k];
      call.buffers[k] = buffer(i, k);
    }
    call.saved = bytes(program_->saved[i]);
    call.saved_stride = program_->saved[i].bytes;
    if (program_->saved_fixed[i].used())
      call.saved_fixed = reinterpret_cast<float*>(fixed_memory() + program_->saved_fixed[i].offset);
    if (node.added != no_node) call.added = value(node.added, images);
    if (node.batch_norm != no_node)
      for (int k = 0; k < 2; ++k) {
        call.batch_norm_parameters[k] = parameter(node.batch_norm, k);
        call.batch_norm_buffers[k] = buffer(node.batch_norm, k);
      }
    call.packed = at<float>(parts_.packed) + program_->facts[std::size_t(s)].packed_offset;
    set_scratch(call, images);
    return call;
  }
  void set_scratch(Call& call, const Images& images) const {
    const std::size_t steps = images.alone ? std::size_t(program_->prefix) : program_->facts.size();
    call.scratch = scratch_memory();
    call.shared_scratch_bytes = program_->shared_scratch_bytes(steps);
    call.scratch_stride = program_->scratch_bytes(steps);
    if (images.alone)
      call.scratch +=
          (call.shared_scratch_bytes + call.scratch_stride) * std::size_t(images.worker);
  }

  void run_steps(int from, int to, const Images& images, bool accumulate = false) {
    for (int s = from; s < to; ++s) {
      Call call = call_for(s, images);
      call.accumulate = accumulate;
      const KernelFunction run = program_->facts[std::size_t(s)].run;
      if constexpr (Backend::in_host_memory)
        run(call);
      else
        Backend::queue(program_->nodes[std::size_t(program_->steps[std::size_t(s)].node)].path, run,
                       call);
      images.team.sync();
    }
  }
  /// Packs the parameters of the steps that have any to pack; after an optimizer's step, only
  /// what trains has changed.
  void pack() {
    if (frozen_changed_) for_each_lender([](const Lender& lender) { lender.require_unchanged(); });
    Backend::run(threads_, [&](const Team& team) {
      for (int s = 0; s < int(program_->steps.size()); ++s) {
        const StepFacts& facts = program_->facts[std::size_t(s)];
        const Node& node = program_->nodes[std::size_t(program_->steps[std::size_t(s)].node)];
        if (!facts.pack || (node.frozen && !frozen_changed_)) continue;
        facts.pack(call_for(s, {0, batch_, false, team}));
        team.sync();
      }
    });
    if (frozen_changed_) for_each_lender([](const Lender& lender) { lender.rest(); });
    changed_ = frozen_changed_ = false;
  }
  template <class Visit>
  void for_each_lender(Visit visit) const {
    const Lender* last = nullptr;
    for (const auto& loans : loans_)
      for (const Loan& loan : loans)
        if (loan.lender && loan.lender.get() != last) visit(*(last = loan.lender.get()));
  }
  static constexpr std::size_t order_of(bool is_buffer, int k) {
    return std::size_t(is_buffer ? TensorSpecs::capacity + k : k);
  }
  /// Gives what nobody has written its layers' initial values: not before they are needed, since
  /// a file that is loaded usually replaces them.
  void initialise_rest() const {
    if (all_written_) return;
    std::uint64_t state = mix(seed_);
    for (int i = 1; i < int(program_->nodes.size()); ++i) {
      const auto rest = [&](const TensorSpecs& specs, bool is_buffer) {
        for (int k = 0; k < specs.count; ++k) {
          state = mix(state);
          if (!written_[std::size_t(i)][order_of(is_buffer, k)])
            initialise_one(specs[k], is_buffer ? buffer(i, k) : parameter(i, k), state);
        }
      };
      rest(program_->declared_by(i).parameters(), false);
      rest(program_->declared_by(i).buffers(), true);
    }
    all_written_ = true;
  }
  void initialise_one(const TensorSpec& spec, float* place, std::uint64_t state) const {
    if constexpr (Backend::in_host_memory) {
      fill_initial(spec, place, state);
    } else {
      const std::size_t bytes = spec.size() * size_of(spec.type);
      std::vector<float> values(bytes / sizeof(float));
      fill_initial(spec, values.data(), state);
      Backend::copy_in(context_, place, values.data(), bytes);
      context_.synchronize();
    }
  }

  const Program* program_;
  Context context_;
  int max_batch_;
  int threads_;
  std::uint64_t seed_;
  std::uint64_t steps_ = 0;
  int batch_ = 0;
  const float* images_ = nullptr;
  bool changed_ = true, frozen_changed_ = true;  // since the last packing
  mutable bool all_written_ = false;
  MemoryParts parts_;
  typename Backend::Memory memory_;
  std::vector<float> host_outputs_;
  std::vector<std::array<Loan, 2 * TensorSpecs::capacity>> loans_;
  std::vector<std::bitset<2 * TensorSpecs::capacity>> written_;
};

}  // namespace frostline
