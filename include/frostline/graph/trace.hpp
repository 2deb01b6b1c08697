// SPDX-License-Identifier: MIT
// trace: walks a model's type once and records its nodes.
#pragma once

#include "frostline/core/model.hpp"
#include "frostline/core/rule.hpp"
#include "frostline/core/type_list.hpp"
#include "frostline/graph/apply_rule.hpp"
#include "frostline/graph/tracer.hpp"
#include "frostline/layers/add.hpp"
#include "frostline/layers/concat.hpp"
#include "frostline/layers/scale.hpp"
#include "frostline/layers/upsample.hpp"
#include "frostline/rewrite/replace_head.hpp"

namespace frostline::detail {

/// Trace<T>::run records T's nodes; Trace<T>::leaves lists their declarations in the same order.
template <class T>
struct Trace;

template <LayerDeclaration T>
struct Trace<T> {
  using leaves = TypeList<T>;
  static constexpr void run(Tracer& t) {
    if (T::inputs != 1) t.report(Problem::second_input);
    if (!T::accepts(t.shape)) t.report(Problem::layer_shape);
    t.append<T>();
  }
};

template <>
struct Trace<Identity> {
  using leaves = TypeList<>;
  static constexpr void run(Tracer&) {}
};

template <>
struct Trace<NoHead> {
  using leaves = TypeList<>;
  static constexpr void run(Tracer&) {}
};

template <HasModel T>
struct Trace<T> : Trace<typename T::model> {};

template <HasName T>
struct Trace<T> {
  using leaves = typename Trace<typename T::layer>::leaves;
  static constexpr void run(Tracer& t) {
    const Path outer = t.path;
    const int first = t.size;
    t.path = outer / T::name;
    Trace<typename T::layer>::run(t);
    t.leave_module(first);
    t.path = outer;
  }
};

template <class BoundedLayer>
struct Trace<Bounded<BoundedLayer>> {
  using leaves = typename Trace<BoundedLayer>::leaves;
  static constexpr void run(Tracer& t) {
    const int node = t.size;
    if (!MayBeBounded<BoundedLayer>) t.report(Problem::not_bounded);
    Trace<BoundedLayer>::run(t);
    if constexpr (MayBeBounded<BoundedLayer>)
      t.nodes[node].parameters_for = BoundedLayer::parameters_for;
    t.bounded = node;
  }
};

template <class... Layers>
struct Trace<Module<Layers...>> {
  using leaves = typename Join<TypeList<>, typename Trace<Layers>::leaves...>::type;
  static constexpr void run(Tracer& t) { (Trace<Layers>::run(t), ...); }
};

/// Records a child; without a name of its own, its position is its name.
template <class Child>
constexpr void trace_child(Tracer& t, int position) {
  const Path outer = t.path;
  const int from = t.size;
  if constexpr (!HasName<Child>) {
    char digits[8]{};
    std::size_t first = 8;
    do digits[--first] = char('0' + position % 10);
    while (position /= 10);
    t.path = outer / std::string_view(digits + first, 8 - first);
  }
  Trace<Child>::run(t);
  if constexpr (!HasName<Child>) t.leave_module(from);
  t.path = outer;
}

template <class... Layers>
struct Trace<Sequential<Layers...>> {
  using leaves = typename Join<TypeList<>, typename Trace<Layers>::leaves...>::type;
  static constexpr void run(Tracer& t) {
    int position = 0;
    (trace_child<Layers>(t, position++), ...);
  }
};

template <class Main, class Shortcut>
struct Trace<Residual<Main, Shortcut>> {
  using leaves = typename Join<typename Trace<Main>::leaves, typename Trace<Shortcut>::leaves,
                               TypeList<Add>>::type;
  static constexpr void run(Tracer& t) {
    const int fork = t.current;
    const Shape in = t.shape;
    Trace<Main>::run(t);
    const int main = t.current;
    const Shape out = t.shape;
    t.current = fork;
    t.shape = in;
    const Path outer = t.path;
    if constexpr (!HasName<Shortcut>) t.path = outer / "shortcut";
    Trace<Shortcut>::run(t);
    t.path = outer;
    if (t.shape != out) t.report(Problem::branch_shapes, t.shape);
    const int shortcut = t.current;
    t.current = main;
    t.shape = out;
    t.append<Add>(shortcut);
  }
};

template <class Gate>
struct Trace<Scaled<Gate>> {
  using leaves = typename Join<typename Trace<Gate>::leaves, TypeList<Scale>>::type;
  static constexpr void run(Tracer& t) {
    const int x = t.current;
    const Shape shape = t.shape;
    Trace<Gate>::run(t);
    const int gate = t.current;
    const Shape gate_shape = t.shape;
    t.current = x;
    t.shape = shape;
    if (gate_shape != Scale::second_input(shape)) t.report(Problem::gate_shape, gate_shape);
    t.append<Scale>(gate);
  }
};

/// Records a CopyChannels after each branch, which also reads the previous branch's: all of them
/// write one value.
template <class... Branches>
struct Trace<Concat<Branches...>> {
  using leaves = typename Join<TypeList<>, typename Join<typename Trace<Branches>::leaves,
                                                         TypeList<CopyChannels>>::type...>::type;
  static constexpr void run(Tracer& t) {
    const int fork = t.current;
    const Shape in = t.shape;
    int copies[sizeof...(Branches)]{}, count = 0, channels = 0;
    Shape first{};
    const auto append_copy = [&] {
      if (count == 0) first = t.shape;
      if (t.shape.height != first.height || t.shape.width != first.width)
        t.report(Problem::concat_shapes, first, count);
      copies[count] = t.size;
      t.append<CopyChannels>(count == 0 ? no_node : copies[count - 1]);
      t.nodes[copies[count++]].first_channel = channels;
      channels += t.shape.channels;
      t.current = fork;
      t.shape = in;
    };
    ((trace_child<Branches>(t, count), append_copy()), ...);
    t.current = copies[count - 1];
    t.shape = {channels, first.height, first.width};
    for (int k = 0; k < count; ++k) t.nodes[copies[k]].out = t.shape;
  }
};

/// Records the branch's nodes at its place in the model; they read an earlier value.
template <HasBranch T>
struct Trace<T> {
  using leaves = typename Trace<typename T::branch>::leaves;
  static constexpr void run(Tracer& t) {
    const int from = t.find_earlier(t.path, T::reads);
    if (t.auxiliary_count == Graph<1>::max_outputs - 1) t.report(Problem::many_auxiliaries);
    const int current = t.current;
    const Shape shape = t.shape;
    if (from != no_node) {
      t.current = from;
      t.shape = t.nodes[from].out;
    }
    const int first = t.size;
    Trace<typename T::branch>::run(t);
    if (t.problem.kind == Problem::nothing && !t.only_names) {
      t.branches[t.auxiliary_count][0] = first;
      t.branches[t.auxiliary_count][1] = t.size;
      t.auxiliaries[t.auxiliary_count++] = {t.current, T::weight};
    }
    t.current = current;
    t.shape = shape;
  }
};

template <IsOutputOf T>
struct Trace<T> {
  using leaves = TypeList<>;
  static constexpr void run(Tracer& t) {
    const int from = t.find_earlier(t.holder, T::output_of);
    if (from == no_node) return;
    t.current = from;
    t.shape = t.nodes[from].out;
  }
};

/// An Upsample<> for which the earlier layer's output is the network's input.
template <IsUpsampleTo T>
struct Trace<T> {
  using leaves = TypeList<Upsample<>>;
  static constexpr void run(Tracer& t) {
    const int like = t.find_earlier(t.holder, T::size_of);
    const Shape network_input = t.network_input;
    if (like != no_node) {
      const Shape size = t.network_input = t.nodes[like].out;
      if (size.height < t.shape.height || size.width < t.shape.width)
        t.report(Problem::layer_shape);
    }
    Trace<Upsample<>>::run(t);
    t.network_input = network_input;
  }
};

template <class HeadLayer>
struct Trace<Head<HeadLayer>> {
  using leaves = typename Trace<HeadLayer>::leaves;
  static constexpr void run(Tracer& t) {
    const Path outer = t.holder;
    t.holder = t.path;
    Trace<HeadLayer>::run(t);
    t.holder = outer;
  }
};

template <class NewLayer, class OldLayer>
struct Trace<New<NewLayer, OldLayer>> {
  using leaves = typename Trace<NewLayer>::leaves;
  static constexpr void run(Tracer& t) {
    if constexpr (std::same_as<OldLayer, NoHead>) t.report(Problem::no_head);
    record_replaced(t);
    const int from = t.size;
    Trace<NewLayer>::run(t);
    for (int i = from; i < t.size; ++i) t.nodes[i].is_new = true;
  }
  // The old layer's first names: a file may still contain them.
  static constexpr void record_replaced(Tracer& t) {
    Node old[Trace<OldLayer>::leaves::size + 1]{};
    Tracer tracer{.nodes = old, .only_names = true};
    Trace<OldLayer>::run(tracer);
    for (int i = 0; i < tracer.size; ++i) {
      const Path name = t.path / first_name(old[i].path);
      bool known = old[i].parameters == 0 || t.replaced_count == 4;
      for (int k = 0; k < t.replaced_count; ++k)
        known = known || std::string_view(t.replaced[k]) == std::string_view(name);
      if (!known) t.replaced[t.replaced_count++] = name;
    }
  }
};

/// A rule is applied after its model has been traced, so the outermost rule wins.
template <HasRule T>
struct Trace<T> {
  using leaves = typename Trace<typename T::model>::leaves;
  static constexpr void run(Tracer& t) {
    const int from = t.size;
    Trace<typename T::model>::run(t);
    const Covered covered{t.nodes + from, t.size - from, t.path};
    for (const Clause& clause : T::clauses)
      if (!apply_clause(clause, covered) && !removed_head_has(clause))
        report_unknown(t, clause, covered);
  }
  static constexpr bool removed_head_has(const Clause& clause) {
    if constexpr (requires { typename T::removed; }) {
      Node old[Trace<typename T::removed>::leaves::size + 1]{};
      Tracer tracer{.nodes = old, .only_names = true};
      Trace<typename T::removed>::run(tracer);
      return apply_clause(clause, {old, tracer.size, {}});
    }
    return false;
  }
  static constexpr void report_unknown(Tracer& t, const Clause& clause, const Covered& covered) {
    const bool must_train = clause.part != Part::all && clause.treatment.trains;
    if (clause.name.empty() && !must_train) return;  // there is nothing to freeze, or to fix
    if (t.problem.kind != Problem::nothing) return;
    t.report(clause.name.empty() ? Problem::no_such_part : Problem::unknown_name);
    t.problem.name = Path(clause.name.empty() ? name_of(clause.part) : clause.name);
    list_near_names(clause.name, covered, t.problem);
  }
};

/// The declarations of a model's nodes; node i + 1 is leaf i.
template <class Model>
using Leaves = typename Trace<Model>::leaves;
template <class Model, int I>
using Leaf = typename TypeAt<std::size_t(I), Leaves<Model>>::type;

/// Whether two layers at one path have equal keys, or buffers, whose names a Node does not hold.
constexpr bool share_a_key(const Node& a, const Node& b) {
  if (a.has_buffers || b.has_buffers) return true;
  for (int j = 0; j < a.parameter_count; ++j)
    for (int k = 0; k < b.parameter_count; ++k)
      if (a.parameter[j].name == b.parameter[k].name) return true;
  return false;
}
/// The first layer with a key of an earlier one, or no_node.
template <int Size>
constexpr int find_equal_keys(const Graph<Size>& graph) {
  std::uint64_t hashes[Size]{};
  for (int i = 0; i < Size; ++i) {
    if (graph[i].parameters == 0 && !graph[i].has_buffers) continue;
    std::uint64_t hash = 14695981039346656037u;  // FNV-1a
    for (std::size_t k = 0; k < graph[i].path.size; ++k)
      hash = (hash ^ std::uint64_t(graph[i].path.text[k])) * 1099511628211u;
    for (int j = 0; j < i; ++j)
      if (hashes[j] == hash && share_a_key(graph[j], graph[i])) return i;
    hashes[i] = hash;
  }
  return no_node;
}

/// The last layer on which no output depends, or no_node.
template <int Size>
constexpr int find_unread(const Graph<Size>& graph) {
  bool read[Size]{};
  for (int k = 0; k < graph.output_count; ++k) read[graph.outputs[k].node] = true;
  for (int i = Size - 1; i > 0; --i) {
    if (!read[i]) return i;
    for (int k = 0; k < graph[i].input_count; ++k) read[graph[i].inputs[k]] = true;
  }
  return no_node;
}

template <class Model, class In>
constexpr auto trace() {
  Graph<int(Leaves<Model>::size) + 1> graph{};
  graph[0].out = graph[0].in = In::shape;
  graph[0].output = 0;
  Alias aliases[graph.size]{};
  Tracer tracer{.nodes = graph.nodes,
                .aliases = aliases,
                .size = 1,
                .shape = In::shape,
                .network_input = In::shape};
  Trace<Model>::run(tracer);
  // Only the network's only output may have fewer channels than the bound.
  Node& last = graph[tracer.current];
  if (tracer.bounded != no_node && (!last.bounded_output || tracer.auxiliary_count > 0)) {
    tracer.size = tracer.bounded;
    tracer.report(Problem::not_bounded);
  }
  const bool bounded = tracer.bounded != no_node && last.bounded_output;
  for (Node& node : graph.nodes) node.bounded_output = false;
  last.bounded_output = bounded;
  graph.problem = tracer.problem;
  graph.replaced_count = tracer.replaced_count;
  for (int i = 0; i < tracer.replaced_count; ++i) graph.replaced[i] = tracer.replaced[i];
  graph.outputs[0] = {tracer.current, 1};
  for (int k = 0; k < tracer.auxiliary_count; ++k) {
    const Output& output = tracer.auxiliaries[k];
    for (int i = 0; i < graph.output_count; ++i)
      if (graph.outputs[i].node == output.node && graph.problem.kind == Problem::nothing) {
        graph.problem.kind = Problem::shared_output;
        graph.problem.node = output.node;
      }
    graph.outputs[graph.output_count++] = output;
    if (graph.problem.kind != Problem::nothing || graph[output.node].out == tracer.shape) continue;
    graph.problem.kind = Problem::auxiliary_shape;
    graph.problem.node = output.node;
    graph.problem.shape = tracer.shape;
  }
  if (const int twin = find_equal_keys(graph);
      twin != no_node && graph.problem.kind == Problem::nothing) {
    graph.problem.kind = Problem::equal_keys;
    graph.problem.node = twin;
  }
  if (graph.problem.kind == Problem::nothing) {
    if (const int unread = find_unread(graph); unread != no_node) {
      graph.problem.kind = Problem::unread;
      graph.problem.node = unread;
    }
  }
  return graph;
}

}  // namespace frostline::detail
