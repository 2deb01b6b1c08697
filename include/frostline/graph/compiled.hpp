// SPDX-License-Identifier: MIT
// compiled: a model's graph after all passes, and each pass's result as a constant.
#pragma once

#include "frostline/graph/arrange.hpp"
#include "frostline/graph/differentiate.hpp"
#include "frostline/graph/fuse.hpp"
#include "frostline/graph/place_parameters.hpp"
#include "frostline/graph/plan_memory.hpp"
#include "frostline/graph/schedule.hpp"
#include "frostline/graph/trace.hpp"

namespace frostline::detail {

template <class List>
struct DeclaredBy;
template <class... Leaf>
struct DeclaredBy<TypeList<Leaf...>> {
  static constexpr Declared table[]{{Leaf::parameters(), Leaf::buffers()}...,
                                    {Reorder::parameters(), Reorder::buffers()}};
  template <class Backend>
  static constexpr Chooser choosers[]{chooser_of<Backend, Leaf>()...,
                                      {choose_plain, Reorder::saved}};
};

/// The declaration of a node: a leaf of the model, or the Reorder that arrange inserts.
template <class Model, int Layer>
struct DeclarationOf {
  using type = Leaf<Model, Layer>;
};
template <class Model, int Layer>
requires(Layer == int(Leaves<Model>::size)) struct DeclarationOf<Model, Layer> {
  using type = Reorder;
};

// A model's graph, pass by pass, for a backend; without one, all values are NCHW.
template <class Model, class In>
inline constexpr auto traced = trace<Model, In>();
template <class Model, class In, class Backend = void, class Options = Balanced>
inline constexpr auto arranged =
    arrange<Backend, arranged_size<Backend>(traced<Model, In>,
                                            DeclaredBy<Leaves<Model>>::template choosers<Backend>,
                                            Options::tuning)>(
        traced<Model, In>, DeclaredBy<Leaves<Model>>::template choosers<Backend>, Options::tuning);
template <class Model, class In, class Backend = void, class Options = Balanced>
inline constexpr auto differentiated = differentiate(arranged<Model, In, Backend, Options>);
/// The graph that runs.
template <class Model, class In, class Backend = void, class Options = Balanced>
inline constexpr auto compiled = fuse(differentiated<Model, In, Backend, Options>);
template <class Model, class In, class Backend = void, class Options = Balanced>
inline constexpr auto scheduled = schedule(compiled<Model, In, Backend, Options>,
                                           DeclaredBy<Leaves<Model>>::table,
                                           image_by_image<Backend>);
template <class Model, class In, class Backend = void, class Options = Balanced>
inline constexpr auto planned = plan_memory(compiled<Model, In, Backend, Options>,
                                            scheduled<Model, In, Backend, Options>);
template <class Model, class In, class Backend = void, class Options = Balanced>
inline constexpr auto laid_out = place_parameters(compiled<Model, In, Backend, Options>,
                                                  DeclaredBy<Leaves<Model>>::table);

/// The graph of a model with an upper bound of classes, for this number of them.
template <int Size>
constexpr Graph<Size> of_classes(Graph<Size> graph, int class_count) {
  const std::int64_t bound = graph[graph.outputs[0].node].out.channels;
  bool bounded = false;
  for (Node& node : graph.nodes) {
    if (bounded) node.in.channels = class_count;
    if (node.bounded_parameters()) {
      bounded = true;
      node.parameters = 0;
      const TensorSpecs specs = node.parameters_for(class_count);
      for (int k = 0; k < specs.count; ++k)
        node.parameters += node.parameter[k].size = specs[k].size();
      node.multiply_adds = node.multiply_adds / bound * class_count;
    }
    if (bounded) node.out.channels = class_count;
  }
  return graph;
}

/// All parameters of a graph, or the trainable ones. Units: numbers, as PyTorch counts them.
template <int Size>
constexpr std::size_t parameter_count(const Graph<Size>& graph) {
  std::size_t count = 0;
  for (const Node& node : graph) count += node.parameters;
  return count;
}
template <int Size>
constexpr std::size_t trainable_count(const Graph<Size>& graph) {
  std::size_t count = 0;
  for (const Node& node : graph) count += node.trainable();
  return count;
}
template <int Size>
constexpr std::int64_t multiply_adds(const Graph<Size>& graph) {
  std::int64_t count = 0;
  for (const Node& node : graph) count += node.multiply_adds;
  return count;
}
/// The same of a model; if it has an upper bound of classes, for that many.
template <class Model, class In>
constexpr std::size_t parameter_count() {
  return parameter_count(traced<Model, In>);
}
template <class Model, class In>
constexpr std::size_t trainable_count() {
  return trainable_count(traced<Model, In>);
}
template <class Model, class In>
constexpr std::int64_t multiply_adds() {
  return multiply_adds(traced<Model, In>);
}

}  // namespace frostline::detail
