// SPDX-License-Identifier: MIT
// Weights: a network's parameters and buffers as files and users read and write them.
#pragma once

#include <array>
#include <bitset>
#include <concepts>
#include <span>
#include <vector>

#include "frostline/core/initial_values.hpp"
#include "frostline/core/lender.hpp"
#include "frostline/core/random.hpp"
#include "frostline/network/network_memory.hpp"
#include "frostline/program/named_tensor.hpp"

namespace frostline::detail {

/// Records which parameters and buffers were written, and which are in a lender's memory instead of
/// the network's. Those that were not written get their layer's initial values when they are first
/// needed, since a file usually replaces them.
template <class Backend>
class Weights {
 public:
  using Memory = NetworkMemory<Backend>;

  Weights(const Memory& memory, int class_count, std::uint64_t seed)
      : classes_(class_count),
        seed_(seed),
        loans_(memory.program().nodes.size()),
        written_(loans_.size()) {}

  std::uint64_t seed() const { return seed_; }
  /// Whether parameters changed since they were packed: any, or frozen ones.
  bool changed() const { return changed_; }
  bool frozen_changed() const { return frozen_changed_; }
  void note_update() { changed_ = true; }
  void note_packed() { changed_ = frozen_changed_ = false; }

  /// The address from which kernels read a parameter.
  const float* parameter(const Memory& memory, int node, int k) const {
    const Loan& loan = loans_[std::size_t(node)][order_of(false, k)];
    return loan.lender ? loan.floats : memory.parameter(node, k);
  }

  template <class Number>
  void read(const Memory& memory, const NamedTensor& tensor, std::span<Number> numbers) const {
    check_access<Number>(tensor, numbers.size());
    initialise_rest(memory);
    const Loan& loan = loan_of(tensor);
    if (loan.lender) loan.lender->require_unchanged();
    Backend::copy_out(memory.context(), numbers.data(),
                      loan.lender ? loan.floats : place(memory, tensor), numbers.size_bytes());
  }
  template <class Number>
  void write(const Memory& memory, const NamedTensor& tensor, std::span<const Number> numbers) {
    check_access<Number>(tensor, numbers.size());
    loan_of(tensor) = {};
    Backend::copy_in(memory.context(), place(memory, tensor), numbers.data(), numbers.size_bytes());
    memory.context().synchronize();
    note_written(tensor);
  }
  /// Like write but without a copy, for a frozen tensor that is read only to pack it. Returns
  /// false, with nothing changed, for other tensors.
  bool borrow(const Memory& memory, const NamedTensor& tensor, Loan loan) {
    if (!may_be_lent(memory.program(), tensor)) return false;
    loan_of(tensor) = std::move(loan);
    note_written(tensor);
    return true;
  }
  /// Gives all parameters and buffers initial values of this seed.
  void initialise(std::uint64_t seed) {
    seed_ = seed;
    for (auto& written : written_) written.reset();
    for (auto& loans : loans_) loans.fill({});
    all_written_ = false;
    changed_ = frozen_changed_ = true;
  }
  /// Gives initial values to all that was not written.
  void initialise_rest(const Memory& memory) const {
    if (all_written_) return;
    const Program& program = memory.program();
    std::uint64_t state = mix(seed_);
    for (int i = 1; i < int(program.nodes.size()); ++i) {
      const auto rest = [&](const TensorSpecs& specs, bool is_buffer) {
        for (int k = 0; k < specs.count; ++k) {
          state = mix(state);
          if (!written_[std::size_t(i)][order_of(is_buffer, k)])
            initialise_one(memory, specs[k],
                           is_buffer ? memory.buffer(i, k) : memory.parameter(i, k), state);
        }
      };
      rest(program.parameters_of(i, classes_), false);
      rest(program.declared_by(i).buffers(), true);
    }
    all_written_ = true;
  }
  template <class Visit>
  void for_each_lender(Visit visit) const {
    const Lender* last = nullptr;
    for (const auto& loans : loans_)
      for (const Loan& loan : loans)
        if (loan.lender && loan.lender.get() != last) visit(*(last = loan.lender.get()));
  }

 private:
  static float* place(const Memory& memory, const NamedTensor& tensor) {
    return tensor.is_buffer ? memory.buffer(tensor.node, tensor.index)
                            : memory.parameter(tensor.node, tensor.index);
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
    changed_ = true;
    frozen_changed_ = frozen_changed_ || !tensor.trains;
  }
  static bool may_be_lent(const Program& program, const NamedTensor& tensor) {
    // A file has one row per class, the memory one per class of the bound.
    const bool bounded = program.nodes[std::size_t(tensor.node)].bounded_parameters;
    bool result = Backend::in_host_memory && !tensor.trains && !bounded && !tensor.is_buffer &&
                  tensor.extents.size() >= 2;
    for (std::size_t s = 0; s < program.steps.size(); ++s)
      if (program.steps[s].node == tensor.node && program.steps[s].pass != Pass::loss)
        result = result && program.facts[s].reads_only_packed;
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
  static void initialise_one(const Memory& memory, const TensorSpec& spec, float* place,
                             std::uint64_t state) {
    if constexpr (Backend::in_host_memory) {
      fill_initial(spec, place, state);
    } else {
      const std::size_t bytes = spec.size() * size_of(spec.type);
      std::vector<float> values(bytes / sizeof(float));
      fill_initial(spec, values.data(), state);
      Backend::copy_in(memory.context(), place, values.data(), bytes);
      memory.context().synchronize();
    }
  }

  int classes_;
  std::uint64_t seed_;
  bool changed_ = true, frozen_changed_ = true;  // since the last packing
  mutable bool all_written_ = false;
  std::vector<std::array<Loan, 2 * TensorSpecs::capacity>> loans_;  // by node
  std::vector<std::bitset<2 * TensorSpecs::capacity>> written_;
};

}  // namespace frostline::detail
