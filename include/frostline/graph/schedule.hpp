// SPDX-License-Identifier: MIT
// schedule: the order in which the parts of the nodes run.
#pragma once

#include "frostline/graph/node.hpp"

namespace frostline {

enum class Pass { forward, loss, parameter_gradient, input_gradient };

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
  int loss = 0;  // where the forward ends
  constexpr void append(int node, Pass pass) { steps[size++] = {node, pass}; }
  constexpr const Step& operator[](int i) const { return steps[i]; }
};

template <int Size>
constexpr Schedule<Size> schedule(const Graph<Size>& graph) {
  Schedule<Size> result{};
  for (int i = 1; i < Size; ++i)
    if (graph[i].absorbed_by == no_node) result.append(i, Pass::forward);
  result.loss = result.size;
  result.append(Size - 1, Pass::loss);
  for (int i = Size - 1; i > 0; --i) {
    if (graph[i].parameter_gradient) result.append(i, Pass::parameter_gradient);
    if (graph[i].owes_input()) result.append(i, Pass::input_gradient);
  }
  return result;
}

}  // namespace frostline
