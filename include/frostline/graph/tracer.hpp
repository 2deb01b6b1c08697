// SPDX-License-Identifier: MIT
// Tracer: what the walk of a type has recorded, and the names by which later layers find it.
#pragma once

#include <string_view>

#include "frostline/core/layer.hpp"
#include "frostline/core/path.hpp"
#include "frostline/graph/apply_rule.hpp"
#include "frostline/graph/node.hpp"

namespace frostline::detail {

/// A module whose value is not that of its last node, since it ends in OutputOf.
struct Alias {
  Path module{};
  int node = no_node;
};

/// The state of the walk, and the nodes that it has recorded.
struct Tracer {
  Node* nodes;
  Alias* aliases = nullptr;  // room for as many as nodes; not where only_names
  int size = 0;
  int leaves = 0;
  int current = 0;  // the node whose value the next layer reads
  Shape shape{};    // of that value
  Shape network_input{};
  Path path{};
  Path holder{};  // of the module that holds the head: where names of earlier layers begin
  Problem problem{};
  int bounded = no_node;
  Path replaced[4]{};
  int replaced_count = 0;
  Output auxiliaries[Graph<1>::max_outputs - 1]{};
  int auxiliary_count = 0;
  int branches[Graph<1>::max_outputs - 1][2]{};  // the nodes of each: first, and last + 1
  bool only_names = false;                       // the layer that a branch reads may be missing
  int alias_count = 0;

  constexpr void report(Problem::Kind kind, Shape other = {}, int branch = 0) {
    if (problem.kind == Problem::nothing) {
      problem.kind = kind;
      problem.node = size;
      problem.shape = other;
      problem.branch = branch;
    }
  }
  /// The node that gives the value of the module of this name: the last one under the name that is
  /// no branch's, or no_node.
  constexpr int find(std::string_view name) const {
    for (int k = 0; k < alias_count; ++k)
      if (std::string_view(aliases[k].module) == name) return aliases[k].node;
    const auto is_of_a_branch = [&](int node) {
      for (int k = 0; k < auxiliary_count; ++k)
        if (node >= branches[k][0] && node < branches[k][1]) return true;
      return false;
    };
    for (int i = size - 1; i > 0; --i)
      if (covers(name, nodes[i].path) && !is_of_a_branch(i)) return i;
    return no_node;
  }
  /// The node of this name in the module at `outer`, or no_node and a problem. A module that is
  /// still being recorded has no output yet.
  constexpr int find_earlier(const Path& outer, std::string_view name) {
    const Path full = outer / name;
    const int found = covers(full, path) ? no_node : find(full);
    if (found == no_node && !only_names && problem.kind == Problem::nothing) {
      report(Problem::unknown_name);
      problem.name = Path(name);
      list_near_names(name, finished_modules(outer), problem);
    }
    return found;
  }
  /// The nodes of the module at `outer` but those of the child that is still being recorded.
  constexpr Covered finished_modules(const Path& outer) const {
    const auto is_within = [](std::string_view module, std::string_view node) {
      return module.empty() || covers(module, node);
    };
    int first = 1, last = size;
    while (first < last && !is_within(outer, nodes[first].path)) ++first;
    std::string_view rest = path;
    rest.remove_prefix(std::string_view(outer).size());
    if (!rest.empty() && rest[0] == '.') rest.remove_prefix(1);
    if (!rest.empty())
      while (last > first && is_within(outer / first_name(rest), nodes[last - 1].path)) --last;
    return {nodes + first, last - first, outer};
  }
  /// Ends a module whose first node is `first`.
  constexpr void leave_module(int first) {
    if (size > first && current != size - 1 && !only_names)
      aliases[alias_count++] = {path, current};
  }
  template <class Declaration>
  constexpr void append(int second_input = no_node) {
    Node& node = nodes[size];
    node.path = path;
    node.layer = leaves++;
    node.kind = Declaration::kind;
    node.varies_in_training = Declaration::varies_in_training;
    node.has_buffers = Declaration::buffers().count > 0;
    if constexpr (Declaration::kind == Kind::batch_norm) node.epsilon = Declaration::epsilon;
    node.inputs[0] = current;
    node.inputs[1] = second_input;
    node.input_count = second_input == no_node ? 1 : 2;
    node.in = shape;
    node.out = output_of<Declaration>(shape, network_input);
    constexpr TensorSpecs parameters = Declaration::parameters();
    node.parameter_count = parameters.count;
    for (int k = 0; k < parameters.count; ++k) {
      Parameter& parameter = node.parameter[k];
      parameter.name = parameters[k].name;
      parameter.size = parameters[k].size();
      parameter.trains = true;
      for (const Statistics s : {Statistics::batch, Statistics::running})
        parameter.gradient_reads[int(s)] = Declaration::parameter_gradient_reads(k, s);
      node.parameters += parameter.size;
    }
    node.multiply_adds = Declaration::multiply_adds(shape);
    for (const Statistics s : {Statistics::batch, Statistics::running})
      node.input_gradient_reads[int(s)] = Declaration::input_gradient_reads(s);
    node.saved = Declaration::saved(shape);
    node.bounded_output = Declaration::takes_bound;
    if (bounded != no_node && !(Declaration::takes_bound && node.parameters == 0))
      report(Problem::not_bounded);
    node.output = size;
    if (path.cut) report(Problem::long_path);
    current = size++;
    shape = node.out;
  }
};

}  // namespace frostline::detail
