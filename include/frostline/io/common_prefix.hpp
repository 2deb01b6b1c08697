// SPDX-License-Identifier: MIT
// The name that a training program has put before all of a network's keys, such as "model.".
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "frostline/io/stored_keys.hpp"

namespace frostline::detail {

struct CommonPrefix {
  std::string best{};                  // with its dot; empty where none brings half of the keys
  std::vector<std::string> fitting{};  // those that bring all of them
};

/// Looks for what may stand before the keys that a network requires, also as a user renames them.
/// There is nothing to look for where the file has one of them as it is.
inline CommonPrefix find_common_prefix(const std::set<std::string_view>& required,
                                       const StoredKeys& stored) {
  constexpr int deepest = 16;
  CommonPrefix result;
  std::map<std::string, std::size_t> votes;
  for (const auto& [key, value] : stored.values) {
    if (required.contains(key)) return {};
    std::size_t dot = key.find('.');
    for (int depth = 0; depth < deepest && dot != std::string::npos; ++depth) {
      const std::string rest = key.substr(dot + 1);
      if (required.contains(value.is_renamed ? rest : stored.renames.rename(rest).key))
        ++votes[key.substr(0, dot + 1)];
      dot = key.find('.', dot + 1);
    }
  }
  std::size_t most = required.size() / 2;
  for (const auto& [prefix, count] : votes) {
    if (count > most) {
      most = count;
      result.best = prefix;
    }
    if (count >= required.size()) result.fitting.push_back(prefix);
  }
  return result;
}

}  // namespace frostline::detail
