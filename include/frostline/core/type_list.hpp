// SPDX-License-Identifier: MIT
// A list of types, joined and indexed in constant template depth.
#pragma once

#include <cstddef>
#include <utility>

namespace frostline::detail {

template <class... Types>
struct TypeList {
  static constexpr std::size_t size = sizeof...(Types);
};

template <class... Lists>
struct Join;
template <>
struct Join<> {
  using type = TypeList<>;
};
template <class... A>
struct Join<TypeList<A...>> {
  using type = TypeList<A...>;
};
template <class... A, class... B, class... Rest>
struct Join<TypeList<A...>, TypeList<B...>, Rest...> : Join<TypeList<A..., B...>, Rest...> {};

template <std::size_t I, class Type>
struct IndexedType {
  using type = Type;
};
template <class Indices, class List>
struct IndexedTypes;
template <std::size_t... I, class... Types>
struct IndexedTypes<std::index_sequence<I...>, TypeList<Types...>> : IndexedType<I, Types>... {};

template <std::size_t I, class Type>
IndexedType<I, Type> pick(const IndexedType<I, Type>&);

/// The I-th type of a list, found by overload resolution instead of recursion.
template <std::size_t I, class List>
struct TypeAt {
  using type = typename decltype(pick<I>(
      std::declval<IndexedTypes<std::make_index_sequence<List::size>, List>>()))::type;
};

}  // namespace frostline::detail
