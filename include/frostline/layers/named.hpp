// SPDX-License-Identifier: MIT
// Named: a layer with a name, which becomes a part of its path and of its parameters' keys.
#pragma once

#include "frostline/core/fixed_string.hpp"

namespace frostline {

/// `Named<"fc", Linear<512, 10>>` owns `fc.weight` and `fc.bias`.
template <FixedString Name, class NamedLayer>
struct Named {
  static constexpr std::string_view name = Name;
  using layer = NamedLayer;
};

template <class T>
concept HasName = requires {
  T::name;
  typename T::layer;
};

}  // namespace frostline
