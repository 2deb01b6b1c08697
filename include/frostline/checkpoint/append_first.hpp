// SPDX-License-Identifier: MIT
// append_first: the first items of a long list, for messages.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "frostline/core/format.hpp"

namespace frostline::detail {

/// Appends a title and a list with separators `between`; only five items if there are more than
/// ten.
inline void append_first(std::string& text, std::string_view title, std::string_view between,
                         const std::vector<std::string>& list, std::string_view kind) {
  const std::size_t shown = list.size() > 10 ? 5 : list.size();
  for (std::size_t i = 0; i < shown; ++i) {
    text += i == 0 ? title : between;
    text += list[i];
  }
  if (shown < list.size())
    text += format_text("{}... and {} more{}", between, list.size() - shown, kind);
}

}  // namespace frostline::detail
