// SPDX-License-Identifier: MIT
// differentiate: which gradients each node must compute.
#pragma once

#include "frostline/graph/node.hpp"

namespace frostline::detail {

/// A node must compute the gradient of an input only if the input depends on a trainable parameter:
/// a frozen prefix computes no gradients, and a frozen node after a trainable one only its input's.
/// Of the nodes that read one value, the first to write its gradient assigns, the others add.
template <int Size>
constexpr Graph<Size> differentiate(Graph<Size> graph) {
  bool wanted[Size]{};  // does this node's output depend on a trainable parameter?
  for (int i = 1; i < Size; ++i) {
    Node& node = graph[i];
    node.parameter_gradient = node.trains();
    wanted[i] = node.parameter_gradient;
    for (int k = 0; k < node.input_count; ++k) {
      wanted[i] = wanted[i] || wanted[node.inputs[k]];
      // The second input of CopyChannels is the value that it writes, which has one gradient.
      node.input_gradient[k] = wanted[node.inputs[k]] && !(node.kind == Kind::concat && k == 1);
    }
    node.has_gradient = wanted[i];
  }
  bool written[Size]{};
  for (int k = 0; k < graph.output_count; ++k)
    written[graph.outputs[k].node] = true;  // by the loss
  for (int i = Size - 1; i > 0; --i) {
    Node& node = graph[i];
    for (int k = 0; k < node.input_count; ++k) {
      if (!node.input_gradient[k]) continue;
      node.adds[k] = written[node.inputs[k]];
      written[node.inputs[k]] = true;
    }
  }
  return graph;
}

}  // namespace frostline::detail
