// SPDX-License-Identifier: MIT
// What models, rewrites of models and rules on paths look like to the passes.
#pragma once

#include <concepts>
#include <string_view>

#include "frostline/core/layer.hpp"

namespace frostline {

/// Models and rewrites of models are struct templates with a member type `model`.
template <class T>
concept HasModel = requires {
  typename T::model;
};

/// A rewrite that freezes or unfreezes what its names cover, or all of its model without names.
template <class T>
concept HasRule = HasModel<T> && requires {
  { T::freezes } -> std::convertible_to<bool>;
  { T::statistics } -> std::convertible_to<Statistics>;
  { T::names } -> std::convertible_to<int>;
  { T::name_at(0) } -> std::same_as<std::string_view>;
};

/// A leaf of a model: what the graph holds as a node.
template <class T>
concept LayerDeclaration = std::derived_from<T, Layer>;

}  // namespace frostline
