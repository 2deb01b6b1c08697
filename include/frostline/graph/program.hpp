// SPDX-License-Identifier: MIT
// Program: a compiled model as run-time views of its constants.
#pragma once

#include <span>

#include "frostline/graph/step_table.hpp"

namespace frostline {

/// Everything the executor reads; the arrays are the passes' results, in read-only memory.
struct Program {
  std::span<const Node> nodes;
  std::span<const Step> steps;
  std::span<const StepFacts> facts;                           // one a step
  int loss;                                                   // the step at which the forward ends
  const Declared* declared;                                   // by leaf
  const Slot *activations, *gradients, *saved, *saved_fixed;  // by node
  std::size_t sample_bytes, fixed_bytes;
  const std::size_t (*parameters)[TensorSpecs::capacity];  // offsets in floats, by node
  const std::size_t (*buffers)[TensorSpecs::capacity];
  std::size_t trainable_floats, frozen_floats, buffer_floats;

  constexpr const Declared& declared_by(int node) const {
    return declared[nodes[std::size_t(node)].layer];
  }
  /// Units: bytes a thread.
  constexpr std::size_t scratch_bytes() const {
    std::size_t most = 0;
    for (const StepFacts& step : facts)
      most = step.scratch_bytes > most ? step.scratch_bytes : most;
    return most;
  }
  constexpr std::size_t packed_floats() const {
    return facts.back().packed_offset + facts.back().packed_floats;
  }
  /// Units: bytes of values, gradients and scratch for this many samples and threads.
  constexpr std::size_t arena_bytes(int samples, int threads) const {
    return sample_bytes * std::size_t(samples) + fixed_bytes +
           scratch_bytes() * std::size_t(threads);
  }
};

template <class Model, class In, class Backend>
inline constexpr Program program{
    .nodes = compiled<Model, In>.nodes,
    .steps = {scheduled<Model, In>.steps, std::size_t(scheduled<Model, In>.size)},
    .facts = step_table<Model, In, Backend>,
    .loss = scheduled<Model, In>.loss,
    .declared = DeclaredBy<Leaves<Model>>::table,
    .activations = planned<Model, In>.activations,
    .gradients = planned<Model, In>.gradients,
    .saved = planned<Model, In>.saved,
    .saved_fixed = planned<Model, In>.saved_fixed,
    .sample_bytes = planned<Model, In>.per_sample.bytes,
    .fixed_bytes = planned<Model, In>.fixed.bytes,
    .parameters = laid_out<Model, In>.parameters,
    .buffers = laid_out<Model, In>.buffers,
    .trainable_floats = laid_out<Model, In>.trainable_floats,
    .frozen_floats = laid_out<Model, In>.frozen_floats,
    .buffer_floats = laid_out<Model, In>.buffer_floats};

}  // namespace frostline
