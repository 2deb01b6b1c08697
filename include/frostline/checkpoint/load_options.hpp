// SPDX-License-Identifier: MIT
// LoadOptions: how a file's keys become a network's; LoadReport: what loading did.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "frostline/core/format.hpp"

namespace frostline {

namespace detail {

/// Appends a list with a title and what stands between its items; of more than ten, five.
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

}  // namespace detail

/// How a file's keys become a network's. A name here is one or more whole parts of a key, between
/// dots: "layer4.1" is a name in "layer4.1.conv1.weight". A dot at its end does no harm. A rename
/// is of a key as it is in the file but for wrappers' names, or after a prefix, named or found.
struct LoadOptions {
  std::string prefix{};  // only keys that begin with this name are read, without it: "encoder_q"
  std::map<std::string, std::string, std::less<>> rename{};  // first names: {{"head", "fc"}}
  std::vector<std::string> ignore{};  // keys with such a name anywhere are passed over: {"ema"}
};

/// What loading did, by the network's keys, and which of the file's keys it had no use for.
struct LoadReport {
  std::vector<std::string> loaded;
  std::vector<std::string> left_new;  // of a head that ReplaceHead put in: as initialised
  std::vector<std::string> ignored;   // in the file: of another head, of other parts, no tensors
  std::string prefix{};               // that was taken off the file's keys: "model."

  /// "loaded 100 tensors; new and left as initialised: fc.weight, fc.bias".
  std::string text() const {
    std::string result = format_text("loaded {} tensors", loaded.size());
    if (!prefix.empty()) result += format_text(", whose keys begin with '{}' in the file", prefix);
    detail::append_first(result, "; new and left as initialised: ", ", ", left_new, "");
    std::vector<std::string> others;
    for (const std::string& key : ignored) {
      bool known = false;
      for (const std::string& other : left_new) known = known || key == other;
      if (!known) others.push_back(key);
    }
    detail::append_first(result, "; in the file, but not used: ", ", ", others, "");
    return result;
  }
};

}  // namespace frostline
