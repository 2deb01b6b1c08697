// SPDX-License-Identifier: MIT
// Applies rules to nodes; lists the names that a rule with an unknown name may have meant.
#pragma once

#include "frostline/core/rule.hpp"
#include "frostline/graph/node.hpp"

namespace frostline::detail {

/// The nodes of a rule's model, and the path of that model, which the rule's names leave out.
struct Covered {
  Node* nodes = nullptr;
  int size = 0;
  std::string_view outer{};

  constexpr Node* begin() const { return nodes; }
  constexpr Node* end() const { return nodes + size; }
  constexpr std::string_view path_of(const Node& node) const {
    std::string_view path = node.path;
    const std::size_t skipped = outer.empty() ? 0 : outer.size() + 1;
    path.remove_prefix(skipped < path.size() ? skipped : path.size());
    return path;
  }
};

/// Treats the nodes and parameters that a clause covers. Returns whether there are any.
constexpr bool apply_clause(const Clause& clause, const Covered& covered) {
  bool found = false;
  for (Node& node : covered) {
    const std::string_view path = covered.path_of(node);
    const bool whole = clause.covers_layer(path, node.kind);
    if (whole && clause.treatment.statistics) node.statistics = *clause.treatment.statistics;
    found = found || whole;
    for (int k = 0; k < node.parameter_count; ++k) {
      Parameter& parameter = node.parameter[k];
      if (!whole && !clause.covers_parameter(path, parameter.name)) continue;
      if (clause.treatment.trains) parameter.trains = *clause.treatment.trains;
      found = true;
    }
  }
  return found;
}

/// Lists the names that exist in the last known part of an unknown name: for "layer4.1.bn2.bais",
/// the parameters of layer4.1.bn2.
constexpr void list_near_names(std::string_view name, const Covered& covered, Problem& problem) {
  const auto exists = [&](std::string_view parent) {
    for (const Node& node : covered)
      if (covers(parent, covered.path_of(node))) return true;
    return false;
  };
  std::string_view parent = name;
  while (!parent.empty() && !exists(parent)) {
    const std::size_t dot = parent.rfind('.');
    parent = parent.substr(0, dot == parent.npos ? 0 : dot);
  }
  Path last{};
  const auto list = [&](std::string_view child) {
    const Path full = Path(parent) / child;
    const std::string_view text = full;
    if (text == std::string_view(last)) return;
    if (problem.names_size + text.size() + 1 > sizeof(problem.names)) return;
    last = full;
    if (problem.names_size) problem.names[problem.names_size++] = ' ';
    for (const char c : text) problem.names[problem.names_size++] = c;
  };
  for (const Node& node : covered) {
    const std::string_view path = covered.path_of(node);
    if (node.parameters == 0 || !(parent.empty() || covers(parent, path))) continue;
    std::string_view rest = path;
    if (!parent.empty())
      rest.remove_prefix(parent.size() < path.size() ? parent.size() + 1 : path.size());
    if (!rest.empty()) {
      list(first_name(rest));
    } else {
      for (int k = 0; k < node.parameter_count; ++k) list(node.parameter[k].name);
    }
  }
}

}  // namespace frostline::detail
