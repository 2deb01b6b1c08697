// SPDX-License-Identifier: MIT
// Rules: how a rewrite treats the parameters and the layers of its model.
#pragma once

#include <concepts>
#include <optional>
#include <string_view>

#include "frostline/core/model.hpp"
#include "frostline/core/path.hpp"

namespace frostline::detail {

/// How parameters and layers are treated. An empty field changes nothing, so several rules may
/// each set a part; the outermost rule that sets a field wins.
struct Treatment {
  std::optional<bool> trains{};            // of each covered parameter
  std::optional<Statistics> statistics{};  // of each layer that is covered as a whole
};

/// Which parameters a clause covers, by their kind.
enum class Part { all, biases, norms };

constexpr std::string_view name_of(Part part) {
  return part == Part::biases ? "biases" : part == Part::norms ? "norms" : "all";
}

/// "bias", and "in_proj_bias" of nn.MultiheadAttention.
constexpr bool is_bias(std::string_view parameter) {
  return parameter == "bias" || parameter.ends_with("_bias");
}

/// A part of a model, and its treatment. A name is a layer's path, which covers the layer and all
/// under it ("layer4"), or a parameter's ("layer4.1.bn2.bias"); the empty one covers all.
struct Clause {
  std::string_view name{};
  Part part = Part::all;
  Treatment treatment{};

  constexpr bool covers_layer(std::string_view path, Kind kind) const {
    if (part == Part::biases || (part == Part::norms && kind != Kind::batch_norm)) return false;
    return name.empty() || covers(name, path);
  }
  /// Whether it covers a parameter of a layer that it does not cover as a whole.
  constexpr bool covers_parameter(std::string_view path, std::string_view parameter) const {
    if (part == Part::biases) return is_bias(parameter) && (name.empty() || covers(name, path));
    return part == Part::all && is_joined(name, path, parameter);
  }
};

/// A rewrite with `clauses`, an array of Clause: they are applied to its model in their order,
/// after the model's own rules.
template <class T>
concept HasRule = HasModel<T> && requires {
  { T::clauses[0] } -> std::convertible_to<Clause>;
};

}  // namespace frostline::detail
