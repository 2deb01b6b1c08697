// SPDX-License-Identifier: MIT
// ParameterStore: a model's parameters and buffers, which networks may share.
#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <concepts>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "frostline/core/backend.hpp"
#include "frostline/core/device_span.hpp"
#include "frostline/core/initial_values.hpp"
#include "frostline/core/lender.hpp"
#include "frostline/core/random.hpp"
#include "frostline/program/named_tensor.hpp"

namespace frostline::detail {

/// Owns the memory of trainable parameters and their gradients, frozen parameters, buffers (running
/// statistics) and packed weights. It records which tensors were written and which are in a
/// lender's memory instead, whether packed weights are out of date, and how many steps were begun.
/// So networks of one model and different max_batch can share it; one thread at a time may use
/// them. A tensor that was not written gets its layer's initial values when it is first needed,
/// since a file usually replaces them. All addresses are in the backend's memory, or a lender's.
template <class Backend>
class ParameterStore {
 public:
  using Context = typename Backend::Context;

  /// `class_count` is used only if the program has a bound of classes. Weights are packed as
  /// kernels read them in networks of this max_batch. Throws: Error if the backend has no room.
  ParameterStore(const Program& program, int class_count, int max_batch, std::uint64_t seed,
                 Context context)
      : program_(&program),
        context_(std::move(context)),
        classes_(class_count),
        max_batch_(max_batch),
        parts_(program),
        block_(Backend::allocate(context_, "the parameters of a network", parts_.bytes, 0)),
        seed_(seed),
        loans_(program.nodes.size()),
        written_(program.nodes.size()) {}

  static std::size_t bytes(const Program& program) { return Parts(program).bytes; }

  const Program& program() const { return *program_; }
  const Context& context() const { return context_; }
  int classes() const { return classes_; }  // 0: the program has no bound of them
  int max_batch() const { return max_batch_; }
  std::vector<NamedTensor> tensors() const { return tensors_of(program(), classes_); }

  /// All trainable parameters; the caller may change them, so the next forward packs them again.
  SpanOf<Backend, float> trainable() {
    initialise_rest();
    note_update();
    return {at(parts_.trainable), program().trainable_floats};
  }
  SpanOf<Backend, float> gradients() const {
    return {at(parts_.gradients), program().trainable_floats};
  }
  /// The address from which kernels read a parameter.
  const float* parameter(int node, int k) const {
    const Loan& loan = loans_[std::size_t(node)][order_of(false, k)];
    return loan.lender ? loan.floats : own_parameter(node, k);
  }
  /// Null for a frozen parameter.
  float* parameter_gradient(int node, int k) const {
    return trains(node, k) ? at(parts_.gradients) + program().parameters[node][k] : nullptr;
  }
  float* buffer(int node, int k) const { return at(parts_.buffers) + program().buffers[node][k]; }
  /// The weights that a step's kernel has packed.
  float* packed(int step) const {
    return at(parts_.packed) + program().facts[std::size_t(step)].packed_offset;
  }

  /// Whether an address is in this memory.
  bool holds(const float* address) const { return detail::holds(block_, address); }

  /// Increases with every change of parameters and of written buffers.
  std::uint64_t version() const { return version_; }
  /// The number of tensors that were written, and of initialisations.
  std::uint64_t writes() const { return writes_; }
  /// Whether parameters changed since they were packed: any, or frozen ones.
  bool changed() const { return changed_; }
  bool frozen_changed() const { return frozen_changed_; }
  /// Records that the trainable parameters change.
  void note_update() {
    ++version_;
    changed_ = true;
  }
  void note_packed() { changed_ = frozen_changed_ = false; }

  /// Begins a forward with training; returns the seed of its random numbers.
  std::uint64_t begin_step() {
    ++training_forwards_;
    return mix(seed_ ^ mix(++steps_));
  }
  /// The next step draws the same random numbers as the last one.
  void forget_step() { --steps_; }
  /// The number of forwards with training, also of steps that were undone. If it grew, the
  /// gradients may have changed.
  std::uint64_t training_forwards() const { return training_forwards_; }

  // To undo a step.
  /// The bytes that copy_buffers needs, or 0 if a forward with training changes no buffer.
  std::size_t moved_buffer_bytes() const {
    for (const Node& node : program().nodes)
      if (node.layer != no_node && node.statistics == Statistics::batch &&
          program().declared[node.layer].buffers.count > 0)
        return program().buffer_floats * sizeof(float);
    return 0;
  }
  void copy_buffers(const typename Backend::Memory& to) const {
    Backend::copy(context(), to.data(), at(parts_.buffers), to.size());
  }
  void restore_buffers(const typename Backend::Memory& from) {
    Backend::copy(context(), at(parts_.buffers), from.data(), from.size());
    context().synchronize();
  }

  template <class Number>
  void read(const NamedTensor& tensor, std::span<Number> numbers) const {
    check_access<Number>(tensor, numbers.size());
    initialise_rest();
    const Loan& loan = loan_of(tensor);
    if (loan.lender) loan.lender->require_unchanged();
    Backend::copy_out(context(), numbers.data(), loan.lender ? loan.floats : place(tensor),
                      numbers.size_bytes());
  }
  template <class Number>
  void write(const NamedTensor& tensor, std::span<const Number> numbers) {
    check_access<Number>(tensor, numbers.size());
    loan_of(tensor) = {};
    Backend::copy_in(context(), place(tensor), numbers.data(), numbers.size_bytes());
    context().synchronize();
    note_written(tensor);
  }
  /// Like write but without a copy, for a frozen tensor that is read only to pack it. Returns
  /// false, with nothing changed, for other tensors.
  bool borrow(const NamedTensor& tensor, Loan loan) {
    if (!may_be_lent(tensor)) return false;
    loan_of(tensor) = std::move(loan);
    note_written(tensor);
    return true;
  }
  template <class Visit>
  void for_each_lender(Visit visit) const {
    const Lender* last = nullptr;
    for (const auto& loans : loans_)
      for (const Loan& loan : loans)
        if (loan.lender && loan.lender.get() != last) visit(*(last = loan.lender.get()));
  }
  /// Gives all parameters and buffers initial values of this seed.
  void initialise(std::uint64_t seed) {
    seed_ = seed;
    for (auto& written : written_) written.reset();
    for (auto& loans : loans_) loans.fill({});
    all_written_ = false;
    frozen_changed_ = true;
    ++writes_;
    note_update();
  }
  /// Gives initial values to all that was not written.
  void initialise_rest() const {
    if (all_written_) return;
    std::uint64_t state = mix(seed_);
    for (int i = 1; i < int(program().nodes.size()); ++i) {
      const auto rest = [&](const TensorSpecs& specs, bool is_buffer) {
        for (int k = 0; k < specs.count; ++k) {
          state = mix(state);
          if (!written_[std::size_t(i)][order_of(is_buffer, k)])
            initialise_one(specs[k], is_buffer ? buffer(i, k) : own_parameter(i, k), state);
        }
      };
      rest(program().parameters_of(i, classes_), false);
      rest(program().declared_by(i).buffers, true);
    }
    all_written_ = true;
  }

 private:
  /// Offsets of the parts. Units: bytes.
  struct Parts {
    std::size_t trainable = 0, gradients = 0, frozen = 0, buffers = 0, packed = 0, bytes = 0;

    explicit Parts(const Program& program) {
      const auto place = [&](std::size_t& part, std::size_t floats) {
        part = bytes;
        bytes += (floats * sizeof(float) + 255) / 256 * 256;
      };
      place(trainable, program.trainable_floats);
      place(gradients, program.trainable_floats);
      place(frozen, program.frozen_floats);
      place(buffers, program.buffer_floats);
      place(packed, program.packed_floats());
    }
  };

  float* at(std::size_t byte) const { return reinterpret_cast<float*>(block_.data() + byte); }
  bool trains(int node, int k) const {
    return program().nodes[std::size_t(node)].parameter[k].trains;
  }
  float* own_parameter(int node, int k) const {
    return at(trains(node, k) ? parts_.trainable : parts_.frozen) + program().parameters[node][k];
  }
  float* place(const NamedTensor& tensor) const {
    return tensor.is_buffer ? buffer(tensor.node, tensor.index)
                            : own_parameter(tensor.node, tensor.index);
  }
  static constexpr std::size_t order_of(bool is_buffer, int k) {
    return std::size_t(is_buffer ? TensorSpecs::capacity + k : k);
  }
  const Loan& loan_of(const NamedTensor& tensor) const {
    return loans_[std::size_t(tensor.node)][order_of(tensor.is_buffer, tensor.index)];
  }
  Loan& loan_of(const NamedTensor& tensor) {
    return loans_[std::size_t(tensor.node)][order_of(tensor.is_buffer, tensor.index)];
  }
  void note_written(const NamedTensor& tensor) {
    written_[std::size_t(tensor.node)][order_of(tensor.is_buffer, tensor.index)] = true;
    const Node& node = program().nodes[std::size_t(tensor.node)];
    frozen_changed_ = frozen_changed_ || tensor.is_buffer || !node.parameter[tensor.index].trains;
    ++writes_;
    note_update();
  }
  bool may_be_lent(const NamedTensor& tensor) const {
    // A file has one row per class, the memory one per class of the bound.
    const bool bounded = program().nodes[std::size_t(tensor.node)].bounded_parameters();
    bool result = Backend::in_host_memory && !tensor.trains && !bounded && !tensor.is_buffer &&
                  tensor.extents.size() >= 2;
    for (std::size_t s = 0; s < program().steps.size(); ++s)
      if (program().steps[s].node == tensor.node && program().steps[s].pass != Pass::loss)
        result = result && program().facts[s].reads_only_packed;
    return result;
  }
  template <class Number>
  void check_access(const NamedTensor& tensor, std::size_t numbers) const {
    static_assert(std::same_as<Number, float> || std::same_as<Number, std::int64_t>,
                  "frostline: Network::read and write require floats or 64-bit integers");
    const bool integers = tensor.type == ElementType::i64;
    if (integers != std::same_as<Number, std::int64_t> || numbers != tensor.size)
      throw Error(format_text("frostline: '{}' holds {} numbers of type {}, not {}", tensor.key,
                              tensor.size, name_of(tensor.type), numbers));
    if (!is_own(tensor))
      throw Error(
          format_text("frostline: '{}' is another network's tensor or has changed: take it "
                      "from this network's tensors(), or tensor(key)",
                      tensor.key));
  }
  /// Whether the tensor has this network's key, type and size at its node and index.
  bool is_own(const NamedTensor& tensor) const {
    if (tensor.node <= 0 || std::size_t(tensor.node) >= program().nodes.size()) return false;
    const Node& node = program().nodes[std::size_t(tensor.node)];
    if (node.layer == no_node) return false;
    const TensorSpecs specs = tensor.is_buffer ? program().declared_by(tensor.node).buffers
                                               : program().parameters_of(tensor.node, classes_);
    if (tensor.index < 0 || tensor.index >= specs.count) return false;
    const TensorSpec& spec = specs[tensor.index];
    const std::string_view path = node.path, key = tensor.key;
    return spec.type == tensor.type && spec.size() == tensor.size && key.starts_with(path) &&
           key.substr(path.empty() ? 0 : std::min(path.size() + 1, key.size())) == spec.name;
  }
  void initialise_one(const TensorSpec& spec, float* place, std::uint64_t state) const {
    if constexpr (Backend::in_host_memory) {
      fill_initial(spec, place, state);
    } else {
      const std::size_t bytes = spec.size() * size_of(spec.type);
      std::vector<float> values(bytes / sizeof(float));
      fill_initial(spec, values.data(), state);
      Backend::copy_in(context(), place, values.data(), bytes);
      context().synchronize();
    }
  }

  const Program* program_;
  Context context_;
  int classes_, max_batch_;
  Parts parts_;
  typename Backend::Memory block_;
  std::uint64_t seed_, version_ = 1, writes_ = 0, steps_ = 0, training_forwards_ = 0;
  bool changed_ = true, frozen_changed_ = true;  // since the last packing
  mutable bool all_written_ = false;
  std::vector<std::array<Loan, 2 * TensorSpecs::capacity>> loans_;  // by node
  std::vector<std::bitset<2 * TensorSpecs::capacity>> written_;
};

}  // namespace frostline::detail
