// SPDX-License-Identifier: MIT
// A model and its input, compiled: every pass's result, each a constant of its own.
#pragma once

#include "frostline/graph/arrange.hpp"
#include "frostline/graph/differentiate.hpp"
#include "frostline/graph/fuse.hpp"
#include "frostline/graph/place_parameters.hpp"
#include "frostline/graph/plan_memory.hpp"
#include "frostline/graph/schedule.hpp"
#include "frostline/graph/trace.hpp"

namespace frostline {

template <class List>
struct DeclaredBy;
template <class... Leaf>
struct DeclaredBy<TypeList<Leaf...>> {
  static constexpr Declared table[]{{Leaf::parameters, Leaf::buffers}...,
                                    {Reorder::parameters, Reorder::buffers}};
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

/// Parameters of a model, or of the part of it that trains: numbers, as PyTorch counts them.
template <class Model, class In>
constexpr std::size_t parameter_count() {
  std::size_t count = 0;
  for (const Node& node : traced<Model, In>) count += node.parameters;
  return count;
}
template <class Model, class In>
constexpr std::size_t trainable_count() {
  std::size_t count = 0;
  for (const Node& node : traced<Model, In>) count += node.trainable();
  return count;
}
template <class Model, class In>
constexpr std::int64_t multiply_adds() {
  std::int64_t count = 0;
  for (const Node& node : traced<Model, In>) count += node.multiply_adds;
  return count;
}

}  // namespace frostline
