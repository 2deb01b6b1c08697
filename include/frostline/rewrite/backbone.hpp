// SPDX-License-Identifier: MIT
// Backbone: a model without its head.
#pragma once

#include <boost/hana/bool.hpp>
#include <boost/hana/filter.hpp>
#include <boost/hana/front.hpp>
#include <boost/hana/remove_if.hpp>
#include <boost/hana/tuple.hpp>
#include <boost/hana/type.hpp>
#include <boost/hana/unpack.hpp>

#include "frostline/core/model.hpp"
#include "frostline/core/rule.hpp"

namespace frostline::detail {

/// Stands for the head of a model that declares none.
struct NoHead {};

template <class T>
struct IsHead : boost::hana::bool_<false> {};
template <class HeadLayer>
struct IsHead<Head<HeadLayer>> : boost::hana::bool_<true> {};

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
  static constexpr auto layers = boost::hana::tuple_t<Layers...>;
  static constexpr auto is_head = boost::hana::trait<IsHead>;
  using backbone = typename decltype(boost::hana::unpack(boost::hana::remove_if(layers, is_head),
                                                         boost::hana::template_<Module>))::type;
  static constexpr auto heads = boost::hana::filter(layers, is_head);
  template <class... Found>
  static auto first(boost::hana::tuple<Found...>) {
    if constexpr (sizeof...(Found) == 0)
      return boost::hana::type_c<NoHead>;
    else
      return boost::hana::front(boost::hana::tuple<Found...>{});
  }
  using head = typename decltype(first(heads))::type;
};

/// A model without its head; its output is the head's input. The model's rules still apply.
template <class Model>
struct Backbone {
  using model = typename SplitHead<Model>::backbone;
};

}  // namespace frostline::detail
