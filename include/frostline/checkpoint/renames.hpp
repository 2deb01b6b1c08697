// SPDX-License-Identifier: MIT
// Renames: a user's changes of the first names of keys.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frostline/core/format.hpp"
#include "frostline/core/path.hpp"

namespace frostline::detail {

/// A key after a rename, and the name that was renamed; it is empty if none was.
struct RenamedKey {
  std::string key;
  std::string_view from{};
};

/// `LoadOptions::rename`, without dots at the names' ends.
class Renames {
 public:
  using Map = std::map<std::string, std::string, std::less<>>;

  Renames() = default;
  explicit Renames(Map names) : names_(std::move(names)) {}

  /// Renames the longest of the names with which `key` begins.
  RenamedKey rename(std::string_view key) const {
    const Map::value_type* longest = nullptr;
    for (const auto& pair : names_)
      if (covers(pair.first, key) && (!longest || longest->first.size() < pair.first.size()))
        longest = &pair;
    if (!longest) return {std::string(key)};
    const auto& [from, to] = *longest;
    const bool with_dot = to.empty() && key.size() > from.size();
    return {to + std::string(key.substr(from.size() + (with_dot ? 1 : 0))), from};
  }

  void note_used(std::string_view from) {
    if (!is_used(from)) used_.emplace_back(from);
  }

  /// A line for each rename that no key used.
  std::vector<std::string> problems() const {
    std::vector<std::string> result;
    for (const auto& [from, to] : names_)
      if (!is_used(from))
        result.push_back(format_text("no key begins with '{}', to be renamed '{}'", from, to));
    return result;
  }

 private:
  bool is_used(std::string_view from) const {
    return std::find(used_.begin(), used_.end(), from) != used_.end();
  }

  Map names_;
  std::vector<std::string> used_;
};

}  // namespace frostline::detail
