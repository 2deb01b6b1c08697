// SPDX-License-Identifier: MIT
// Cost: the least arithmetic and memory traffic of a program's steps.
#pragma once

#include <cstdint>

#include "frostline/program/program.hpp"

namespace frostline::detail {

/// The least work of steps: the operations of products (two per multiply-add; others do not count),
/// and the bytes if each step reads its operands and writes its results once. `bytes_once` do not
/// grow with the batch: parameters, their gradients, the optimizer.
struct Cost {
  std::int64_t operations = 0;             // per sample
  std::int64_t bytes = 0, bytes_once = 0;  // per sample; per step
  Cost& operator+=(const Cost& more) {
    operations += more.operations;
    bytes += more.bytes;
    bytes_once += more.bytes_once;
    return *this;
  }
};

/// The cost of the s-th step of a program.
inline Cost cost_of_step(const Program& program, int s) {
  const Step step = program.steps[std::size_t(s)];
  const Node& node = program.nodes[std::size_t(step.node)];
  const auto value = [&](int i) {
    return std::int64_t(program.nodes[std::size_t(i)].floats * sizeof(float));
  };
  const auto parameters = [&](int i) {
    return std::int64_t(program.nodes[std::size_t(i)].parameters * sizeof(float));
  };
  Cost cost;
  if (step.pass == Pass::loss) {
    cost.bytes = value(step.node) * (node.has_gradient ? 2 : 1);
    return cost;
  }
  cost.operations = 2 * node.multiply_adds;
  cost.bytes_once = parameters(step.node);
  const auto saved = [&] { cost.bytes += std::int64_t(node.saved.per_sample); };
  if (node.kind == Kind::concat) {  // a copy, if the branch is not written in its place at once
    const int times = step.pass != Pass::forward && node.adds[0] ? 3 : 2;
    cost.bytes = program.facts[std::size_t(s)].run ? times * value(node.inputs[0]) : 0;
    return cost;
  }
  if (step.pass == Pass::forward) {
    for (int k = 0; k < node.input_count; ++k) cost.bytes += value(node.inputs[k]);
    if (node.added != no_node) cost.bytes += value(node.added);
    if (node.batch_norm != no_node) cost.bytes_once += parameters(node.batch_norm);
    cost.bytes += value(node.output);
    if (node.backward_reads().saved) saved();
    return cost;
  }
  const bool of_input = step.pass == Pass::input_gradient;
  const Reads reads = node.reads(step.pass);
  if (!of_input) {
    cost.bytes_once = std::int64_t(node.trainable() * sizeof(float));
    if (!reads.input) cost.operations = 0;  // sums, as of a bias
  }
  cost.bytes += value(step.node);  // its gradient
  if (reads.output) cost.bytes += value(step.node);
  if (reads.saved) saved();
  for (int k = 0; k < node.input_count; ++k) {
    if (reads.input) cost.bytes += value(node.inputs[k]);
    if (of_input && node.input_gradient[k])
      cost.bytes += value(node.inputs[k]) * (node.adds[k] ? 2 : 1);
  }
  return cost;
}

/// SGD with momentum reads and writes parameters and momentum, and reads gradients.
inline Cost cost_of_update(const Program& program) {
  return {0, 0, std::int64_t(5 * program.trainable_floats * sizeof(float))};
}

/// The cost of a training step, or of a prediction (`forward` only).
inline Cost cost_of(const Program& program, bool forward_alone = false) {
  Cost cost;
  const int steps = forward_alone ? program.loss : int(program.steps.size());
  for (int s = 0; s < steps; ++s) cost += cost_of_step(program, s);
  if (!forward_alone) cost += cost_of_update(program);
  return cost;
}

}  // namespace frostline::detail
