// SPDX-License-Identifier: MIT
// fuse: lets frozen convolutions do the work of the nodes after them.
#pragma once

#include "frostline/graph/node.hpp"

namespace frostline::detail {

/// A frozen convolution without a backward, and whose kernel can (`Choice::absorbs`), absorbs the
/// batch norm (with running statistics), the residual sum and the ReLU or ReLU6 after it, each
/// only if no other node reads its input. Without a residual sum it absorbs the max pooling after
/// the ReLU too, if its algorithm can (`pooled_name`).
template <int Size>
constexpr Graph<Size> fuse(Graph<Size> graph) {
  int readers[Size]{};
  int reader[Size]{};  // the last node to read each value
  for (int i = 1; i < Size; ++i)
    for (int k = 0; k < graph[i].input_count; ++k) {
      ++readers[graph[i].inputs[k]];
      reader[graph[i].inputs[k]] = i;
    }
  for (int k = 0; k < graph.output_count; ++k) ++readers[graph.outputs[k].node];  // the caller
  const auto idle = [](const Node& node) { return !node.has_backward(); };
  for (int i = 1; i < Size; ++i) {
    Node& node = graph[i];
    if (node.kind != Kind::convolution || !node.choice.absorbs || !idle(node)) continue;
    const auto next = [&](Kind kind) {
      const int candidate = readers[node.output] == 1 ? reader[node.output] : no_node;
      return candidate != no_node && graph[candidate].kind == kind && idle(graph[candidate])
                 ? candidate
                 : no_node;
    };
    const auto absorb = [&](int absorbed) {
      graph[absorbed].absorbed_by = i;
      node.output = absorbed;
    };
    if (const int norm = next(Kind::batch_norm);
        norm != no_node && graph[norm].statistics == Statistics::running) {
      node.batch_norm = norm;
      absorb(norm);
    }
    if (const int sum = next(Kind::add); sum != no_node) {
      const int other = graph[sum].inputs[graph[sum].inputs[0] == node.output ? 1 : 0];
      if (other < i) {
        node.added = other;
        absorb(sum);
      }
    }
    if (const int relu = next(Kind::relu); relu != no_node) {
      node.rectifier = Rectifier::relu;
      absorb(relu);
    } else if (const int relu6 = next(Kind::relu6); relu6 != no_node) {
      node.rectifier = Rectifier::relu6;
      absorb(relu6);
    }
    if (const int pool = next(Kind::max_pool_3_2_1);
        pool != no_node && !node.choice.pooled_name.empty() && node.rectifier == Rectifier::relu &&
        node.added == no_node) {
      node.choice.name = node.choice.pooled_name;
      node.pool = pool;
      absorb(pool);
    }
  }
  return graph;
}

}  // namespace frostline::detail
