// SPDX-License-Identifier: MIT
// unreadable: the error of a file that cannot be read; printable: a file's text for messages.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"

namespace frostline::detail {

/// A file's text for messages: at most 100 characters, without control characters.
inline std::string printable(std::string_view text) {
  std::string result(text.substr(0, 100));
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text.size() > 100 ? result + "..." : result;
}

inline Error unreadable(std::string_view file, std::string_view reason) {
  return Error(format_text("cannot read '{}': {}", file, reason));
}

}  // namespace frostline::detail
