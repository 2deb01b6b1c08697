// SPDX-License-Identifier: MIT
// Program: a compiled model as run-time views of its constants.
#pragma once

#include <span>

#include "frostline/program/step_table.hpp"

namespace frostline::detail {

/// Everything the executor reads; the arrays are the passes' results, in read-only memory.
struct Program {
  std::span<const Node> nodes;
  std::span<const Step> steps;
  std::span<const StepFacts> facts;                           // per step
  int loss;                                                   // the step at which the forward ends
  int backward;                                               // the first step of the backward
  std::span<const Output> outputs;                            // the first, and auxiliary ones
  int per_image_steps;                                        // number of steps image by image
  int cut;                                                    // steps that compute the features
  int features;                                               // their node, or no_node
  KernelFunction load_features, store_features;               // convert NCHW; null: already NCHW
  const Declared* declared;                                   // by leaf
  const Slot *activations, *gradients, *saved, *saved_fixed;  // by node
  std::size_t sample_bytes, fixed_bytes, thread_bytes;
  const std::size_t (*parameters)[TensorSpecs::capacity];  // offsets in floats, by node
  const std::size_t (*buffers)[TensorSpecs::capacity];
  std::size_t trainable_floats, frozen_floats, buffer_floats;

  constexpr const Declared& declared_by(int node) const {
    return declared[nodes[std::size_t(node)].layer];
  }
  /// N if the model is made for AtMost<N> classes, else 0.
  constexpr int bound() const {
    const Node& output = nodes[std::size_t(outputs[0].node)];
    return output.bounded_output ? output.out.channels : 0;
  }
  constexpr TensorSpecs parameters_of(int node, int classes) const {
    const auto parameters_for = nodes[std::size_t(node)].parameters_for;
    return parameters_for ? parameters_for(classes) : declared_by(node).parameters;
  }
  /// The shape of a node's value per sample, and its floats in their layout.
  constexpr Shape shape_of(int node, int classes) const {
    Shape shape = nodes[std::size_t(node)].out;
    if (nodes[std::size_t(node)].bounded_output) shape.channels = classes;
    return shape;
  }
  constexpr std::size_t floats_of(int node, int classes) const {
    return nodes[std::size_t(node)].bounded_output ? shape_of(node, classes).size()
                                                   : nodes[std::size_t(node)].floats;
  }
  /// The most scratch that a step before `last` needs. Units: bytes per thread, bytes per team.
  constexpr std::size_t scratch_bytes(std::size_t last) const {
    return most(last, &StepFacts::scratch_bytes);
  }
  constexpr std::size_t shared_scratch_bytes(std::size_t last) const {
    return most(last, &StepFacts::shared_scratch_bytes);
  }
  /// Scratch for a team of this many threads, or, in the prefix, for as many teams of one thread.
  constexpr std::size_t all_scratch_bytes(int threads) const {
    const std::size_t team =
        shared_scratch_bytes(facts.size()) + scratch_bytes(facts.size()) * std::size_t(threads);
    const std::size_t alone = (shared_scratch_bytes(std::size_t(per_image_steps)) +
                               scratch_bytes(std::size_t(per_image_steps))) *
                              std::size_t(threads);
    return team > alone ? team : alone;
  }
  constexpr std::size_t packed_floats() const {
    return facts.back().packed_offset + facts.back().packed_floats;
  }
  /// Memory of values, gradients and scratch for this many samples and threads. Units: bytes.
  constexpr std::size_t arena_bytes(int samples, int threads) const {
    return sample_bytes * std::size_t(samples) + fixed_bytes + thread_bytes * std::size_t(threads) +
           all_scratch_bytes(threads);
  }

 private:
  constexpr std::size_t most(std::size_t last, std::size_t StepFacts::*bytes) const {
    std::size_t result = 0;
    for (std::size_t s = 0; s < last; ++s)
      result = facts[s].*bytes > result ? facts[s].*bytes : result;
    return result;
  }
};

template <class Model, class In, class Backend, class Options>
inline constexpr Program program{
    .nodes = compiled<Model, In, Backend, Options>.nodes,
    .steps = {scheduled<Model, In, Backend, Options>.steps,
              std::size_t(scheduled<Model, In, Backend, Options>.size)},
    .facts = step_table<Model, In, Backend, Options>,
    .loss = scheduled<Model, In, Backend, Options>.loss,
    .backward = scheduled<Model, In, Backend, Options>.backward,
    .outputs = {compiled<Model, In, Backend, Options>.outputs,
                std::size_t(compiled<Model, In, Backend, Options>.output_count)},
    .per_image_steps = scheduled<Model, In, Backend, Options>.per_image_steps,
    .cut = scheduled<Model, In, Backend, Options>.cut,
    .features = scheduled<Model, In, Backend, Options>.features,
    .load_features = features_kernel<Model, In, Backend, Options, Layout::plain, Layout::blocked>(),
    .store_features =
        features_kernel<Model, In, Backend, Options, Layout::blocked, Layout::plain>(),
    .declared = DeclaredBy<Leaves<Model>>::table,
    .activations = planned<Model, In, Backend, Options>.activations,
    .gradients = planned<Model, In, Backend, Options>.gradients,
    .saved = planned<Model, In, Backend, Options>.saved,
    .saved_fixed = planned<Model, In, Backend, Options>.saved_fixed,
    .sample_bytes = planned<Model, In, Backend, Options>.per_sample.bytes,
    .fixed_bytes = planned<Model, In, Backend, Options>.fixed.bytes,
    .thread_bytes = planned<Model, In, Backend, Options>.per_thread.bytes,
    .parameters = laid_out<Model, In, Backend, Options>.parameters,
    .buffers = laid_out<Model, In, Backend, Options>.buffers,
    .trainable_floats = laid_out<Model, In, Backend, Options>.trainable_floats,
    .frozen_floats = laid_out<Model, In, Backend, Options>.frozen_floats,
    .buffer_floats = laid_out<Model, In, Backend, Options>.buffer_floats};

}  // namespace frostline::detail
