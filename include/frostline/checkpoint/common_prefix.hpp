// SPDX-License-Identifier: MIT
// CommonPrefix: a name that a training program puts before all of a network's keys, as "model.".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "frostline/checkpoint/stored_keys.hpp"
#include "frostline/io/weights/state_dict.hpp"

namespace frostline::detail {

/// A prefix, with its dot or empty, after which most of a network's keys are in a file.
struct CommonPrefix {
  std::string prefix;
  bool brings_all = false;
};

/// Finds the possible prefixes of the keys that a network requires, renames included. A file with
/// several sets of weights has several such prefixes.
inline std::vector<CommonPrefix> find_common_prefixes(const ByText& required,
                                                      const StoredKeys& stored) {
  constexpr int deepest = 16;
  ByText votes;
  for (const auto& [key, value] : stored.values) {
    if (required.contains(key)) ++votes[""];
    std::size_t dot = key.find('.');
    for (int depth = 0; depth < deepest && dot != std::string::npos; ++depth) {
      const std::string rest = key.substr(dot + 1);
      if (required.contains(value.is_renamed ? rest : stored.renames.rename(rest).key))
        ++votes[std::string_view(key).substr(0, dot + 1)];
      dot = key.find('.', dot + 1);
    }
  }
  std::vector<CommonPrefix> result;
  for (const auto& [prefix, count] : votes)
    if (count > required.size() / 2)
      result.push_back({std::string(prefix), count >= required.size()});
  return result;
}

}  // namespace frostline::detail
