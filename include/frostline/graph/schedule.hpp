// SPDX-License-Identifier: MIT
// schedule: the order in which the parts of the nodes run.
#pragma once

#include "frostline/core/kernel.hpp"
#include "frostline/graph/node.hpp"

namespace frostline::detail {

struct Step {
  int node = no_node;
  Pass pass = Pass::forward;
  bool auxiliary = false;  // only for auxiliary outputs: left out of an evaluation
};

/// Forward steps, then the losses, then the backward's: a training step runs all of them, an
/// evaluation those before the losses.
template <int Size>
struct Schedule {
  Step steps[3 * Size + 2]{};
  int size = 0;
  int loss = 0;             // where the forward ends and the losses begin
  int backward = 0;         // where the backward begins
  int per_image_steps = 0;  // steps before this one run image by image, one image per thread
  int cut = 0;             // steps before this one compute features, which training does not change
  int features = no_node;  // the node whose value they are; none if the cut is 0
  constexpr void append(int node, Pass pass, bool auxiliary = false) {
    steps[size++] = {node, pass, auxiliary};
  }
  constexpr const Step& operator[](int i) const { return steps[i]; }
};

/// So many weights still stay in the cache, transformed, when they are read again for each image.
inline constexpr std::size_t small_weights = 200'000;

/// Whether a node's forward may run image by image: it saves nothing for a backward, its images do
/// not depend on each other, and its weights are few, so that it pays to keep activations in the
/// cache.
constexpr bool runs_image_by_image(const Node& node) {
  return !node.trains() && node.statistics == Statistics::running && !node.has_backward() &&
         node.parameters <= small_weights;
}

/// Whether a backend runs frozen prefixes image by image: not if it computes whole batches.
template <class Backend>
inline constexpr bool image_by_image = [] {
  if constexpr (requires { Backend::whole_batches; }) return !Backend::whole_batches;
  return true;
}();

/// Whether a node's output may differ between two passes over the same image while the network
/// trains: it has trainable parameters, uses batch statistics or draws random numbers. A layer of
/// your own with buffers counts as one that uses batch statistics unless it is frozen.
constexpr bool moves(const Node& node, const Declared* declared) {
  return node.trains() || (node.statistics == Statistics::batch && node.layer != no_node &&
                           (node.kind == Kind::batch_norm || node.varies_in_training ||
                            declared[node.layer].buffers.count > 0));
}

/// Finds the cut: the last step, before the first node that moves, at which the value of the
/// previous step is the only one that layers or losses read later. Without trainable parameters,
/// all steps come before the cut, and the features are the network's output.
template <int Size>
constexpr void find_cut(const Graph<Size>& graph, Schedule<Size>& schedule,
                        const Declared* declared) {
  int writer[Size]{};  // the step that writes a node's value, -1 for the network's input
  writer[0] = -1;
  for (int s = 0; s < schedule.loss; ++s) writer[graph[schedule[s].node].output] = s;
  const auto step_of = [&](int node) {
    while (graph[node].absorbed_by != no_node) node = graph[node].absorbed_by;
    return writer[graph[node].output];
  };
  int moving = schedule.loss;  // the first step that moves
  bool trains = false;
  for (int i = Size - 1; i > 0; --i) {
    if (moves(graph[i], declared) && step_of(i) < moving) moving = step_of(i);
    trains = trains || graph[i].trains();
  }
  if (!trains) {
    schedule.cut = schedule.loss;
    schedule.features = graph.outputs[0].node;
    return;
  }
  int oldest = schedule.loss - 1;  // the first writer of a value that is read from a step on
  const auto read = [&](int value) { oldest = writer[value] < oldest ? writer[value] : oldest; };
  for (int k = 0; k < graph.output_count; ++k) read(graph.outputs[k].node);
  for (int s = schedule.loss; s > 0 && schedule.cut == 0; --s) {
    if (s < schedule.loss) {
      const Node& node = graph[schedule[s].node];
      for (int k = 0; k < node.input_count; ++k) read(node.inputs[k]);
      if (node.added != no_node) read(node.added);
    }
    if (s > moving || oldest < s - 1) continue;
    schedule.cut = s;
    schedule.features = graph[schedule[s - 1].node].output;
  }
}

template <int Size>
constexpr Schedule<Size> schedule(const Graph<Size>& graph, const Declared* declared,
                                  bool has_prefix) {
  Schedule<Size> result{};
  bool needed[Size]{};  // for the first output
  needed[graph.outputs[0].node] = true;
  for (int i = Size - 1; i > 0; --i)
    for (int k = 0; k < graph[i].input_count; ++k) needed[graph[i].inputs[k]] |= needed[i];
  for (int i = 1; i < Size; ++i)
    if (graph[i].absorbed_by == no_node) result.append(i, Pass::forward, !needed[i]);
  result.loss = result.size;
  while (has_prefix && result.per_image_steps < result.loss &&
         runs_image_by_image(graph[result.steps[result.per_image_steps].node]))
    ++result.per_image_steps;
  find_cut(graph, result, declared);
  for (int k = 0; k < graph.output_count; ++k) result.append(graph.outputs[k].node, Pass::loss);
  result.backward = result.size;
  for (int i = Size - 1; i > 0; --i) {
    if (graph[i].parameter_gradient) result.append(i, Pass::parameter_gradient);
    if (graph[i].wants_any_input_gradient()) result.append(i, Pass::input_gradient);
  }
  return result;
}

}  // namespace frostline::detail
