// SPDX-License-Identifier: MIT
// A string literal as a template argument.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace frostline::detail {

/// A string that may be a template argument: `Named<"fc", Layer>`.
template <std::size_t N>
struct FixedString {
  char text[N]{};
  constexpr FixedString(const char (&literal)[N]) { std::copy_n(literal, N, text); }
  constexpr operator std::string_view() const { return {text, N - 1}; }
};

}  // namespace frostline::detail
