// SPDX-License-Identifier: MIT
// arrange: each node's algorithm, each value's layout, and a Reorder where two layouts differ.
#pragma once

#include <type_traits>

#include "frostline/core/kernel.hpp"
#include "frostline/graph/node.hpp"
#include "frostline/layers/reorder.hpp"

namespace frostline::detail {

/// A backend's functions about a leaf, as values that a table can hold.
struct Chooser {
  Choice (*choose)(const Situation&);
  Saved (*saved)(Shape);
};

constexpr Choice choose_plain(const Situation&) { return {}; }
/// Without a backend: convolutions absorb the layers after them.
constexpr Choice choose_without_backend(const Situation&) { return {.absorbs = true}; }

template <class Backend, class Leaf>
constexpr Chooser chooser_of() {
  if constexpr (std::is_void_v<Backend>)
    return {choose_without_backend, Leaf::saved};
  else if constexpr (requires { Kernel<Backend, Leaf>::choose; })
    return {Kernel<Backend, Leaf>::choose, Leaf::saved};
  else
    return {choose_plain, Leaf::saved};
}

/// How a backend stores values: as NCHW if it has no layouts of its own.
template <class Backend>
struct Storage {
  static constexpr bool has_layouts = requires { Backend::blocked_floats(Shape{}); };
  static constexpr std::size_t floats(Shape shape, Layout layout) {
    if constexpr (has_layouts)
      if (layout == Layout::blocked) return Backend::blocked_floats(shape);
    return shape.size();
  }
  /// The shape, with the channels that a layout adds.
  static constexpr Shape padded(Shape shape, Layout layout) {
    if constexpr (has_layouts)
      if (layout == Layout::blocked) return Backend::padded(shape);
    return shape;
  }
};

/// Walks a graph's nodes in order and appends the arranged graph's. The network's input and its
/// outputs are NCHW.
template <class Backend, int Size>
struct Arranger {
  const Graph<Size>& from;
  const Chooser* choosers;
  Tuning tuning;
  Node* to = nullptr;  // null: they are only counted
  int size = 0;
  Output outputs[Graph<Size>::max_outputs]{};  // of the arranged graph
  int at[Size][2]{};                           // the node that gives a value, by layout
  Layout layouts[Size]{};

  constexpr void append(const Node& node) {
    if (to) to[size] = node;
    ++size;
  }
  constexpr int in_layout(int value, Layout layout) {
    int& found = at[value][int(layout)];
    if (found != no_node) return found;
    Node node{};
    node.path = from[value].path;
    node.layer = from.size - 1;  // Reorder follows the model's leaves
    node.kind = Kind::reorder;
    node.input_count = 1;
    node.inputs[0] = at[value][int(layouts[value])];
    node.in = node.out = from[value].out;
    node.statistics = Statistics::running;
    node.output = size;
    node.choice = {layouts[value], layout, 0, "reorder"};
    node.floats = Storage<Backend>::floats(node.out, layout);
    found = size;
    append(node);
    return found;
  }
  /// A branch's place in the joined value, if it were written there directly.
  static constexpr void place_branch(Node& node) {
    const Shape& out = node.out;
    const auto in_blocks = [&](int channels) {
      const Shape shape{channels, out.height, out.width};
      return Storage<Backend>::padded(shape, node.choice.output) == shape;
    };
    const int last = node.first_channel + node.in.channels;
    node.whole_blocks = in_blocks(node.first_channel) && (in_blocks(last) || last == out.channels);
    node.first_float =
        Storage<Backend>::floats({node.first_channel, out.height, out.width}, node.choice.output);
  }
  constexpr void run() {
    for (int i = 0; i < Size; ++i) {
      at[i][0] = at[i][1] = no_node;
      Node node = from[i];
      if (i > 0) {
        // All branches of a Concat write its value in the layout of the first.
        const bool joins = node.kind == Kind::concat && node.input_count == 2;
        const Layout given = layouts[node.inputs[joins ? 1 : 0]];
        node.choice = choosers[node.layer].choose(
            {node.in, given, node.inputs[0] == 0, !node.trains(), tuning});
        node.saved =
            choosers[node.layer].saved(Storage<Backend>::padded(node.in, node.choice.input));
        for (int k = 0; k < node.input_count; ++k)
          node.inputs[k] = in_layout(node.inputs[k], node.choice.input);
        if (node.kind == Kind::concat) place_branch(node);
      }
      layouts[i] = node.choice.output;
      node.floats = Storage<Backend>::floats(node.out, node.choice.output);
      node.output = size;
      at[i][int(layouts[i])] = size;
      append(node);
      for (int k = 0; k < from.output_count; ++k)
        if (from.outputs[k].node == i)
          outputs[k] = {in_layout(i, Layout::plain), from.outputs[k].weight};
    }
  }
};

template <class Backend, int Size>
constexpr int arranged_size(const Graph<Size>& graph, const Chooser* choosers, Tuning tuning) {
  Arranger<Backend, Size> arranger{graph, choosers, tuning};
  arranger.run();
  return arranger.size;
}

/// The graph with each node's choice, and Reorder nodes where a value is read in another layout.
template <class Backend, int NewSize, int Size>
constexpr Graph<NewSize> arrange(const Graph<Size>& graph, const Chooser* choosers, Tuning tuning) {
  Graph<NewSize> result{};
  Arranger<Backend, Size> arranger{graph, choosers, tuning, result.nodes};
  arranger.run();
  result.problem = graph.problem;
  for (int i = 0; i < graph.replaced_count; ++i) result.replaced[i] = graph.replaced[i];
  result.replaced_count = graph.replaced_count;
  result.output_count = graph.output_count;
  for (int i = 0; i < graph.output_count; ++i) result.outputs[i] = arranger.outputs[i];
  return result;
}

}  // namespace frostline::detail
