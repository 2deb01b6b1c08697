// SPDX-License-Identifier: MIT
// Skipped: what a search for pictures did not take.
#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace frostline {

/// How many files and links of a folder were not taken, by the reason, such as ".webp".
using Skipped = std::map<std::string, std::size_t>;

}  // namespace frostline
