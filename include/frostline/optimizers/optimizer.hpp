// SPDX-License-Identifier: MIT
// What an optimizer is: a function of one number that trains, written once for all backends.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "frostline/core/device.hpp"

namespace frostline {

/// One trainable number, its gradient and its states, as an optimizer reads and moves them. Number
/// is float; on the CPU an optimizer that is a template of it also gets a whole vector of them.
template <class Number, std::size_t States>
struct Element {
  Number parameter, gradient;
  Number states[States > 0 ? States : 1];
};

/// Mathematics for optimizers, which a backend specialises for the vectors that it computes with.
template <class Number>
struct Functions {
  FROSTLINE_DEVICE static Number square_root(Number x) { return std::sqrt(x); }
};

// An optimizer is a struct of settings, copied to a device as it is. It has
// - `states`: an array with a name for each float that it keeps per parameter, zero at first;
// - `check()`: throws Error for settings that make no sense;
// - `operator()(Element<float, states.size()>&) const`: moves the parameter and the states of one
//   element. Nothing in it may depend on other elements. As a template of Number it is computed in
//   vectors.
// It may also have
// - `at(step)`: what has the operator() instead, for the update of this number, the first being 1:
//   what depends on the number is computed there, once instead of for each element;
// - `uses_states()`: whether these settings read the states at all; if not, they take no memory.
// sgd.hpp and adamw.hpp are the two to copy.

/// What an update of this number calls for each element.
template <class Optimizer>
auto function_at(const Optimizer& optimizer, std::int64_t step) {
  if constexpr (requires { optimizer.at(step); })
    return optimizer.at(step);
  else
    return optimizer;
}
template <class Optimizer>
using FunctionOf = decltype(function_at(std::declval<const Optimizer&>(), 1));

template <class Optimizer>
bool uses_states(const Optimizer& optimizer) {
  if constexpr (requires { optimizer.uses_states(); })
    return optimizer.uses_states();
  else
    return Optimizer::states.size() > 0;
}

/// What Trainer takes as an optimizer.
template <class Optimizer>
concept ElementwiseOptimizer = requires(const Optimizer& optimizer) {
  { Optimizer::states.size() } -> std::convertible_to<std::size_t>;
  optimizer.check();
}
&&requires(const FunctionOf<Optimizer>& function,
           Element<float, Optimizer::states.size()>& element) {
  function(element);
}
&&std::is_trivially_copyable_v<FunctionOf<Optimizer>>;

}  // namespace frostline
