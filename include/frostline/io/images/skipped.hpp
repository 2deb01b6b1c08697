// SPDX-License-Identifier: MIT
// Skipped: the files that a search for pictures skipped.
#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace frostline::detail {

/// The number of skipped files and links of a folder by reason, such as ".webp".
using Skipped = std::map<std::string, std::size_t>;

}  // namespace frostline::detail
