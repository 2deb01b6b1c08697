// SPDX-License-Identifier: MIT
// Optimizers: each is a function of one element, written once for all backends.
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

/// One trainable number, its gradient and its states, which an optimizer reads and updates. Number
/// is float; on the CPU, an optimizer whose operator() is a template also gets vectors of floats.
template <class Number, std::size_t States>
struct Element {
  Number parameter, gradient;
  Number states[States > 0 ? States : 1];
};

/// Mathematics for optimizers; a backend specialises it for its vectors.
template <class Number>
struct Functions {
  FROSTLINE_DEVICE static Number square_root(Number x) { return std::sqrt(x); }
};

}  // namespace frostline

namespace frostline::detail {

/// The function that this update calls for each element.
template <class Optimizer>
auto function_at(const Optimizer& optimizer, std::int64_t step) {
  if constexpr (requires { optimizer.at(step); })
    return optimizer.at(step);
  else
    return optimizer;
}
template <class Optimizer>
using FunctionOf = decltype(function_at(std::declval<const Optimizer&>(), 1));

/// Whether one of the optimizer's states is an average of the weights.
template <class Optimizer>
concept KeepsAverage = requires {
  Optimizer::average_state;
};

template <class Optimizer>
bool uses_states(const Optimizer& optimizer) {
  if constexpr (requires { optimizer.uses_states(); })
    return optimizer.uses_states();
  else
    return Optimizer::states.size() > 0;
}

}  // namespace frostline::detail

namespace frostline {

/// What Trainer takes as an optimizer: a struct of settings, which is copied to a device byte by
/// byte. It has
/// - `states`: an array with a name for each float that it stores per parameter element, 0 at
/// first;
/// - `check()`: throws Error for settings that make no sense;
/// - `operator()(Element<float, states.size()>&) const`: updates the parameter and the states of
/// one
///   element. It must not depend on other elements. A template of Number computes whole vectors.
/// It may also have
/// - `at(step)`: returns an object that has the operator() instead, for this update (the first is
///   1), so that factors which depend on the step are computed once and not for each element;
/// - `uses_states()`: whether these settings use the states; if not, they take no memory.
/// sgd.hpp and adamw.hpp are examples.
template <class Optimizer>
concept IsOptimizer = requires(const Optimizer& optimizer) {
  { Optimizer::states.size() } -> std::convertible_to<std::size_t>;
  optimizer.check();
}
&&requires(const detail::FunctionOf<Optimizer>& function,
           Element<float, Optimizer::states.size()>& element) {
  function(element);
}
&&std::is_trivially_copyable_v<detail::FunctionOf<Optimizer>>;

}  // namespace frostline
