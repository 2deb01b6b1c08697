// SPDX-License-Identifier: MIT
// schedule: the order in which the parts of the nodes run.
#pragma once

#include "frostline/core/kernel.hpp"
#include "frostline/graph/node.hpp"

namespace frostline {

struct Step {
  int node = no_node;
  Pass pass = Pass::forward;
};

/// Forward steps, then the loss, then the backward's: a training step runs all of them, an
/// evaluation those before the loss.
template <int Size>
struct Schedule {
  Step steps[3 * Size]{};
  int size = 0;
  int loss = 0;    // where the forward ends
  int prefix = 0;  // steps before this one run image by image, one image a thread
  constexpr void append(int node, Pass pass) { steps[size++] = {node, pass}; }
  constexpr const Step& operator[](int i) const { return steps[i]; }
};

/// Numbers whose transformed copies a cache still holds when they are read anew for each image.
inline constexpr std::size_t small_weights = 200'000;

/// Whether a node's forward may run image by image: it keeps nothing for a backward, its images do
/// not depend on each other, and its weights are so small that what counts is to keep activations
/// in the cache.
constexpr bool runs_image_by_image(const Node& node) {
  return node.frozen && node.statistics == Statistics::running && !node.has_backward() &&
         node.parameters <= small_weights;
}

/// Whether a backend wants frozen prefixes image by image: not one that computes whole batches.
template <class Backend>
inline constexpr bool image_by_image = !requires {
  Backend::whole_batches;
};

template <int Size>
constexpr Schedule<Size> schedule(const Graph<Size>& graph, bool has_prefix) {
  Schedule<Size> result{};
  for (int i = 1; i < Size; ++i)
    if (graph[i].absorbed_by == no_node) result.append(i, Pass::forward);
  result.loss = result.size;
  while (has_prefix && result.prefix < result.loss &&
         runs_image_by_image(graph[result.steps[result.prefix].node]))
    ++result.prefix;
  result.append(Size - 1, Pass::loss);
  for (int i = Size - 1; i > 0; --i) {
    if (graph[i].parameter_gradient) result.append(i, Pass::parameter_gradient);
    if (graph[i].owes_input()) result.append(i, Pass::input_gradient);
  }
  return result;
}

}  // namespace frostline
