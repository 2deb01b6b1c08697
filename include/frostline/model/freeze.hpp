// SPDX-License-Identifier: MIT
// Freeze: a model of which nothing trains.
#pragma once

#include "frostline/layers/frozen.hpp"

namespace frostline {

/// The model with every layer frozen: `Freeze<ResNet18<>>`, `Freeze<ResNet18<>, BatchStatistics>`.
template <class Model, class... Options>
struct Freeze : Frozen<Model, Options...> {};

}  // namespace frostline
