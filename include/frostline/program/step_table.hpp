// SPDX-License-Identifier: MIT
// step_table: the steps of a compiled model as functions of a backend.
#pragma once

#include <array>

#include "frostline/core/kernel.hpp"
#include "frostline/graph/compiled.hpp"

namespace frostline::detail {

/// Whether a backend computes a layer: whether its Kernel is defined.
template <class Layer, class Backend>
inline constexpr bool has_kernel = requires {
  sizeof(Kernel<Backend, Layer>);
};

/// A step as run-time values.
struct StepFacts {
  KernelFunction run = nullptr;  // null: there is nothing to do
  KernelFunction pack = nullptr;
  std::size_t packed_floats = 0, packed_offset = 0;
  std::size_t scratch_bytes = 0;         // per thread
  std::size_t shared_scratch_bytes = 0;  // per team
  bool reads_only_packed = false;        // only `pack` reads its parameters
};

/// A step of a network as a backend's function, chosen only by layer type, shapes and flags.
template <class Model, class In, class Backend, class Options, int S>
struct CompiledStep {
  static constexpr Step step = scheduled<Model, In, Backend, Options>[S];
  static constexpr Node node = compiled<Model, In, Backend, Options>[step.node];
  using Layer = typename DeclarationOf<Model, node.layer>::type;
  using LayerKernel = Kernel<Backend, Layer>;

  static constexpr int place_flags() {
    int bits = node.statistics == Statistics::batch ? flags::batch_statistics : 0;
    bits |= node.choice.algorithm * flags::algorithm;
    for (int k = 0; node.trains() && k < node.parameter_count; ++k)
      if (!node.parameter[k].trains) bits |= flags::frozen << k;
    if (node.bounded_output) bits |= flags::bounded;
    if constexpr (step.pass == Pass::forward) {
      if (node.batch_norm != no_node) bits |= flags::batch_norm;
      if (node.added != no_node) bits |= flags::added;
      if (node.rectifier == Rectifier::relu) bits |= flags::relu;
      if (node.rectifier == Rectifier::relu6) bits |= flags::relu6;
      if (node.pool != no_node) bits |= flags::pooled;
      if (node.backward_reads().saved) bits |= flags::saves_for_backward;
    } else if constexpr (step.pass == Pass::parameter_gradient) {
      if (node.wants_any_input_gradient()) bits |= flags::wants_any_input_gradient;
    } else {
      if (node.parameter_gradient) bits |= flags::wants_parameter_gradients;
      for (int k = 0; k < node.input_count; ++k) {
        if (node.input_gradient[k]) bits |= flags::wants_input_gradient << k;
        if (node.adds[k]) bits |= flags::accumulates << k;
      }
    }
    return bits;
  }
  static constexpr Place place() {
    Place result{.output = {node.out, node.choice.output}, .flags = place_flags()};
    for (int k = 0; k < node.input_count; ++k)
      result.inputs[k] = {compiled<Model, In, Backend, Options>[node.inputs[k]].out,
                          node.choice.input};
    return result;
  }
  using Here = At<place()>;

  /// Whether it would copy a branch of a Concat that is written in its place.
  static constexpr bool does_nothing() {
    if constexpr (step.pass == Pass::forward && node.kind == Kind::concat)
      return is_in_place(compiled<Model, In, Backend, Options>,
                         planned<Model, In, Backend, Options>, step.node);
    return false;
  }
  static constexpr KernelFunction function() {
    if constexpr (step.pass == Pass::loss || does_nothing()) {
      return nullptr;
    } else if constexpr (!has_kernel<Layer, Backend>) {
      return nullptr;  // diagnosed
    } else if constexpr (step.pass == Pass::forward) {
      return &LayerKernel::template forward<Here>;
    } else if constexpr (step.pass == Pass::parameter_gradient) {
      return &LayerKernel::template parameter_gradient<Here>;
    } else {
      return &LayerKernel::template input_gradient<Here>;
    }
  }
  static constexpr KernelFunction pack() {
    if constexpr (packed_floats() > 0) return &LayerKernel::template pack<Here, step.pass>;
    return nullptr;
  }
  static constexpr std::size_t packed_floats() {
    if constexpr (step.pass != Pass::loss &&
                  requires { LayerKernel::template packed_floats<Here>(step.pass); })
      return LayerKernel::template packed_floats<Here>(step.pass);
    return 0;
  }
  static constexpr std::size_t scratch_bytes() {
    if constexpr (step.pass != Pass::loss &&
                  requires { LayerKernel::template scratch_bytes<Here>(step.pass); })
      return whole_lines(LayerKernel::template scratch_bytes<Here>(step.pass));
    return 0;
  }
  static constexpr std::size_t shared_scratch_bytes() {
    if constexpr (step.pass != Pass::loss &&
                  requires { LayerKernel::template shared_scratch_bytes<Here>(step.pass); })
      return whole_lines(LayerKernel::template shared_scratch_bytes<Here>(step.pass));
    return 0;
  }
  static constexpr bool reads_only_packed() {
    if constexpr (step.pass != Pass::loss &&
                  requires { LayerKernel::template reads_only_packed<Here>; })
      return LayerKernel::template reads_only_packed<Here>;
    return false;
  }
  static constexpr StepFacts facts() {
    return {function(),         pack(), packed_floats(), 0, scratch_bytes(), shared_scratch_bytes(),
            reads_only_packed()};
  }
};

template <class Model, class In, class Backend, class Options>
inline constexpr auto step_table = [] {
  constexpr int size = scheduled<Model, In, Backend, Options>.size;
  return []<int... S>(std::integer_sequence<int, S...>) {
    std::array<StepFacts, size> table{CompiledStep<Model, In, Backend, Options, S>::facts()...};
    std::size_t packed = 0;
    for (StepFacts& facts : table) {
      facts.packed_offset = packed;
      packed += (facts.packed_floats + 15) / 16 * 16;
    }
    return table;
  }
  (std::make_integer_sequence<int, size>{});
}();

/// The kernel that converts features from the layout `From` to the layout `To`, of which one is
/// NCHW; null if they are NCHW, or there are none.
template <class Model, class In, class Backend, class Options, Layout From, Layout To>
constexpr KernelFunction features_kernel() {
  constexpr const auto& schedule = scheduled<Model, In, Backend, Options>;
  if constexpr (schedule.cut > 0) {
    constexpr Node node = compiled<Model, In, Backend, Options>[schedule[schedule.cut - 1].node];
    constexpr Shape shape = compiled<Model, In, Backend, Options>[schedule.features].out;
    if constexpr (node.choice.output == Layout::blocked)
      return &Kernel<Backend, Reorder>::template forward<
          At<Place{.inputs = {{shape, From}}, .output = {shape, To}}>>;
  }
  return nullptr;
}

}  // namespace frostline::detail
