// SPDX-License-Identifier: MIT
// Frozen and Freeze: layers that do not train.
#pragma once

#include <concepts>

#include "frostline/core/rule.hpp"

namespace frostline {

/// An option of Frozen, Freeze and TrainOnly: parameters are fixed, but batch norm still uses and
/// updates batch statistics, and dropout drops: PyTorch's `requires_grad=False` in `train()` mode.
struct BatchStatistics {};

}  // namespace frostline

namespace frostline::detail {

/// The statistics of frozen layers with these options.
template <class... Options>
inline constexpr Statistics frozen_statistics = (std::same_as<Options, BatchStatistics> || ...)
                                                    ? Statistics::batch
                                                    : Statistics::running;

}  // namespace frostline::detail

namespace frostline {

/// A layer whose parameters and running statistics stay bit for bit as they are (torchvision's
/// FrozenBatchNorm2d, Keras' `trainable=False`). It has no parameter gradients and no optimizer
/// state; before the first trainable layer, it also has no saved activations and no backward code.
template <class FrozenLayer, class... Options>
struct Frozen {
  static_assert((std::same_as<Options, BatchStatistics> && ...),
                "frostline: Frozen requires no options, or BatchStatistics");
  using model = FrozenLayer;
  static constexpr detail::Clause clauses[]{
      {.treatment = {.trains = false, .statistics = detail::frozen_statistics<Options...>}}};
};

/// The model with every layer frozen: `Freeze<ResNet18<>>`, `Freeze<ResNet18<>, BatchStatistics>`.
template <class Model, class... Options>
struct Freeze : Frozen<Model, Options...> {};

}  // namespace frostline
