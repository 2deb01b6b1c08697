// SPDX-License-Identifier: MIT
// The body of LoadReport::text.
#pragma once

#include <string>
#include <vector>

#include "frostline/checkpoint/append_first.hpp"
#include "frostline/checkpoint/load_options.hpp"
#include "frostline/core/body.hpp"
#include "frostline/core/format.hpp"

namespace frostline {

FROSTLINE_BODY std::string LoadReport::text() const {
  std::string result = detail::format_text("loaded {} tensors", loaded.size());
  if (!prefix.empty())
    result += detail::format_text(", whose keys begin with '{}' in the file", prefix);
  detail::append_first(result, "; resized: ", ", ", resized, "");
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

}  // namespace frostline
