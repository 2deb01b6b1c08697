// SPDX-License-Identifier: MIT
// Backbone: a model without its head.
#pragma once

#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>
#include <type_traits>

#include "frostline/core/model.hpp"
#include "frostline/core/rule.hpp"

namespace frostline::detail {

/// Stands for the head of a model that declares none.
struct NoHead {};

template <class T>
struct IsHead : std::false_type {};
template <class HeadLayer>
struct IsHead<Head<HeadLayer>> : std::true_type {};

/// `Model` under the rule of `Rule`. The rule may still name parts of the removed head.
template <class Rule, class Model, class RemovedHead>
struct Under {
  using model = Model;
  using removed = RemovedHead;
  static constexpr const auto& clauses = Rule::clauses;
};

template <class Original, class Renamed>
struct NamedAs {
  static constexpr std::string_view name = Original::name;
  using layer = Renamed;
};

// A layer without a head is its own backbone.
template <class T>
struct SplitHead {
  using backbone = T;
  using head = NoHead;
};
template <HasName T>
struct SplitHead<T> {
  using backbone = NamedAs<T, typename SplitHead<typename T::layer>::backbone>;
  using head = typename SplitHead<typename T::layer>::head;
};
template <HasModel T>
struct SplitHead<T> : SplitHead<typename T::model> {};
template <HasRule T>
struct SplitHead<T> {
  using head = typename SplitHead<typename T::model>::head;
  using backbone = Under<T, typename SplitHead<typename T::model>::backbone, head>;
};
template <class... Layers>
struct SplitHead<Module<Layers...>> {
  using backbone = boost::mp11::mp_remove_if<Module<Layers...>, IsHead>;
  using heads = boost::mp11::mp_copy_if<Module<Layers...>, IsHead>;
  using head = boost::mp11::mp_front<boost::mp11::mp_push_back<heads, NoHead>>;
};

/// A model without its head; its output is the head's input. The model's rules still apply.
template <class Model>
struct Backbone {
  using model = typename SplitHead<Model>::backbone;
};

}  // namespace frostline::detail
