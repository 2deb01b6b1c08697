// SPDX-License-Identifier: MIT
// Split: a model's frozen beginning and the rest of it, as two models.
#pragma once

#include <utility>

#include "frostline/graph/trace.hpp"

namespace frostline {

/// A part of a model in which no layer is.
struct Nothing {
  using model = Module<>;
};
template <class T>
struct IsNothing : boost::hana::bool_<false> {};
template <>
struct IsNothing<Nothing> : boost::hana::bool_<true> {};

/// A child of a Sequential that keeps the number it had in a longer one.
template <int Position, class Child>
struct Numbered {
  static constexpr char digits[3]{char('0' + Position / 100 % 10), char('0' + Position / 10 % 10),
                                  char('0' + Position % 10)};
  static constexpr int first = Position < 10 ? 2 : Position < 100 ? 1 : 0;
  static constexpr std::string_view name{digits + first, 3 - first};
  using layer = Child;
};

/// The rest of a network that is fed `In`: layers that read the size of the network's input find
/// that of the whole network's.
template <class Rest, class In>
struct RestOf {
  using model = Rest;
};
template <class Rest, class In>
struct Trace<RestOf<Rest, In>> {
  using leaves = typename Trace<Rest>::leaves;
  static constexpr void run(Tracer& t) {
    t.network_input = In::shape;
    Trace<Rest>::run(t);
  }
};

// A model's first Count layers, and those behind them. A cut never goes through a Residual.
template <class T, int Count, bool Within = (Count > 0 && Count < int(Leaves<T>::size))>
struct SplitAt {
  using prefix = std::conditional_t<(Count > 0), T, Nothing>;
  using rest = std::conditional_t<(Count > 0), Nothing, T>;
};
template <HasName T, int Count>
struct SplitAt<T, Count, true> {
  using prefix = NamedAs<T, typename SplitAt<typename T::layer, Count>::prefix>;
  using rest = NamedAs<T, typename SplitAt<typename T::layer, Count>::rest>;
};
template <HasModel T, int Count>
struct SplitAt<T, Count, true> : SplitAt<typename T::model, Count> {};
template <class HeadLayer, int Count>
struct SplitAt<Head<HeadLayer>, Count, true> {
  using prefix = typename SplitAt<HeadLayer, Count>::prefix;
  using rest = Head<typename SplitAt<HeadLayer, Count>::rest>;
};
template <class NewLayer, class OldLayer, int Count>
struct SplitAt<New<NewLayer, OldLayer>, Count, true> {
  using prefix = New<typename SplitAt<NewLayer, Count>::prefix, OldLayer>;
  using rest = New<typename SplitAt<NewLayer, Count>::rest, OldLayer>;
};
// Each part knows the names that only the other has, so that a rule on them covers something.
template <HasRule T, int Count>
struct SplitAt<T, Count, true> {
  using Parts = SplitAt<typename T::model, Count>;
  template <class Rule>
  struct Removed {
    using type = Nothing;
  };
  template <class Rule>
  requires requires { typename Rule::removed; }
  struct Removed<Rule> {
    using type = typename Rule::removed;
  };
  using removed = typename Removed<T>::type;
  using prefix = Under<T, typename Parts::prefix, Module<typename Parts::rest, removed>>;
  using rest = Under<T, typename Parts::rest, Module<typename Parts::prefix, removed>>;
};

/// Of each child, what is before the cut; and what is behind it, numbered where position names it.
template <bool Numbers, int Count, class Positions, class... Layers>
struct SplitChildren;
template <bool Numbers, int Count, std::size_t... I, class... Layers>
struct SplitChildren<Numbers, Count, std::index_sequence<I...>, Layers...> {
  static constexpr int before(std::size_t child) {
    const int sizes[]{int(Leaves<Layers>::size)...};
    int sum = 0;
    for (std::size_t i = 0; i < child; ++i) sum += sizes[i];
    return sum;
  }
  template <class Child, std::size_t Position, class Part>
  using Placed = std::conditional_t<Numbers && !HasName<Child> && !IsNothing<Part>::value,
                                    Numbered<int(Position), Part>, Part>;
  static constexpr auto is_nothing = boost::hana::trait<IsNothing>;
  template <class... Parts>
  static constexpr auto joined(boost::hana::tuple<Parts...> parts) {
    return boost::hana::unpack(boost::hana::remove_if(parts, is_nothing),
                               boost::hana::template_<Module>);
  }
  using prefix = typename decltype(joined(
      boost::hana::tuple_t<
          Placed<Layers, I, typename SplitAt<Layers, Count - before(I)>::prefix>...>))::type;
  using rest = typename decltype(joined(
      boost::hana::tuple_t<
          Placed<Layers, I, typename SplitAt<Layers, Count - before(I)>::rest>...>))::type;
};
template <class... Layers, int Count>
struct SplitAt<Module<Layers...>, Count, true>
    : SplitChildren<false, Count, std::make_index_sequence<sizeof...(Layers)>, Layers...> {};
template <class... Layers, int Count>
struct SplitAt<Sequential<Layers...>, Count, true>
    : SplitChildren<true, Count, std::make_index_sequence<sizeof...(Layers)>, Layers...> {};

template <class List>
struct BufferCounts;
template <class... Leaf>
struct BufferCounts<TypeList<Leaf...>> {
  static constexpr int of[sizeof...(Leaf) + 1]{Leaf::buffers().count..., 0};
};

/// Where a model is cut: layers in the prefix, and the first node whose output differs between
/// passes over the same image.
struct Cut {
  int layers = 0;
  Path moving{};
  bool trains = false;  // does anything behind it?
};

template <class Model>
constexpr Cut find_cut() {
  constexpr int size = int(Leaves<Model>::size) + 1;
  Node nodes[size]{};
  // Where to cut depends on no shape.
  Tracer tracer{.nodes = nodes, .size = 1, .shape = {3, 1024, 1024}};
  Trace<Model>::run(tracer);
  int moving = 1;
  for (; moving < size; ++moving) {
    const Node& node = nodes[moving];
    const bool by_batch = node.statistics == Statistics::batch &&
                          (node.kind == Kind::batch_norm || node.kind == Kind::dropout ||
                           BufferCounts<Leaves<Model>>::of[node.layer] > 0);
    if (node.trains() || by_batch) break;
  }
  Cut cut{};
  if (moving < size) cut.moving = nodes[moving].path;
  for (int node = moving; node < size; ++node) cut.trains = cut.trains || nodes[node].trains();
  int oldest = size;  // the first value that nodes behind the cut read
  for (int node = size - 1; node >= 0 && cut.layers == 0; --node) {
    if (node < moving && oldest >= node) cut.layers = node;
    for (int k = 0; k < nodes[node].input_count; ++k)
      oldest = nodes[node].inputs[k] < oldest ? nodes[node].inputs[k] : oldest;
  }
  return cut;
}

/// A model as two models: `prefix`, of which nothing changes while the model trains, and `rest`,
/// which takes what the prefix gives. It is cut at the last point at which a single value is
/// alive, before the first layer that trains, uses batch statistics or drops values; a layer of
/// your own with buffers counts as one that uses batch statistics unless it is frozen. Paths, keys
/// and rules stay as they are. Where nothing stands before that layer the prefix is empty; where
/// there is no such layer, the rest is: SplitNetwork, which runs both, takes neither.
template <class Model>
struct Split {
  static constexpr Cut cut = find_cut<Model>();
  static constexpr bool has_prefix = cut.layers > 0;
  static constexpr bool rest_trains = cut.trains;
  struct prefix {
    using model = typename SplitAt<Model, cut.layers>::prefix;
  };
  struct rest {
    using model = typename SplitAt<Model, cut.layers>::rest;
  };
};

}  // namespace frostline
