// SPDX-License-Identifier: MIT
// OptimizerState: an optimizer's states as named tensors.
#pragma once

#include <utility>

#include "frostline/network/parameter_store.hpp"
#include "frostline/optimizers/optimizer.hpp"
#include "frostline/program/named_tensor.hpp"

namespace frostline::detail {

/// One float for each trainable parameter and each of the optimizer's states, in the backend's
/// memory; no memory if the settings use no state. A tensor's key is the state's name and the
/// parameter's key: "exp_avg.layer4.1.conv2.weight".
template <class Backend, class Optimizer>
class OptimizerState {
 public:
  explicit OptimizerState(const detail::ParameterStore<Backend>& store) : store_(&store) {}

  /// Allocates the states when they are first used; returns whether that has happened since the
  /// last call. Throws: Error if there is too little memory.
  bool prepare(const Optimizer& optimizer) {
    make_room(optimizer);
    return std::exchange(is_new_, false);
  }
  /// The states one after the other, each as long as the network's `trainable`.
  SpanOf<Backend, float> floats() const {
    return {reinterpret_cast<float*>(memory_.data()), memory_.size() / sizeof(float)};
  }

  std::vector<NamedTensor> tensors(const Optimizer& optimizer) const {
    std::vector<NamedTensor> result;
    if (!uses_states(optimizer) && memory_.size() == 0) return result;
    const std::vector<NamedTensor> all = store_->tensors();
    for (const std::string_view state : Optimizer::states)
      for (const NamedTensor& tensor : all)
        if (tensor.trains) {
          result.push_back(tensor);
          result.back().key = format_text("{}.{}", state, tensor.key);
        }
    return result;
  }
  /// Throws: Error if there is no such tensor, or it has another size.
  void read(const Optimizer& optimizer, std::string_view key, std::span<float> numbers) {
    const float* from = place(optimizer, key, numbers.size());
    Backend::copy_out(store_->context(), numbers.data(), from, numbers.size_bytes());
  }
  void write(const Optimizer& optimizer, std::string_view key, std::span<const float> numbers) {
    float* to = place(optimizer, key, numbers.size());
    Backend::copy_in(store_->context(), to, numbers.data(), numbers.size_bytes());
    store_->context().synchronize();
  }

 private:
  void make_room(const Optimizer& optimizer) {
    if (!uses_states(optimizer) || memory_.size() > 0) return;
    memory_ = Backend::allocate(store_->context(), "training the network",
                                Optimizer::states.size() * stride() * sizeof(float));
    is_new_ = memory_.size() > 0;
  }
  std::size_t stride() const { return store_->program().trainable_floats; }
  float* place(const Optimizer& optimizer, std::string_view key, std::size_t numbers) {
    const std::vector<NamedTensor> all = tensors(optimizer);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].key != key) continue;
      if (all[i].size != numbers)
        throw Error(format_text("frostline: the optimizer's state '{}' holds {} numbers, not {}",
                                key, all[i].size, numbers));
      make_room(optimizer);
      const std::size_t state = i / (all.size() / Optimizer::states.size());
      return floats().data() + state * stride() +
             store_->program().parameters[all[i].node][all[i].index];
    }
    throw Error(format_text("frostline: the optimizer has no state '{}'", key));
  }

  const detail::ParameterStore<Backend>* store_;
  typename Backend::Memory memory_;
  bool is_new_ = false;  // recorded steps do not use the memory yet
};

}  // namespace frostline::detail
