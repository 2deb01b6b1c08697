// SPDX-License-Identifier: MIT
// How the tensors of a file and of a network fit each other.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "frostline/checkpoint/load_options.hpp"
#include "frostline/core/lender.hpp"
#include "frostline/core/path.hpp"
#include "frostline/io/weights/state_dict.hpp"
#include "frostline/program/named_tensor.hpp"

namespace frostline::detail {

/// How stored tensors and a network's fit each other.
struct Matching {
  std::vector<std::pair<std::size_t, StoredTensor>> pairs{};  // which of the network's
  LoadReport report{};
  std::shared_ptr<const Lender> file{};  // which the stored tensors lie in
};

/// Reads a file and matches all of a network's tensors, whose `replaced` parts are new, with its.
/// With `skip_new` a new head stays as it is.
/// Throws: Error if the file cannot be read, or with all that does not fit.
Matching match_file(const std::filesystem::path& path, const std::vector<NamedTensor>& wanted,
                    std::span<const Path> replaced, const LoadOptions& options, bool skip_new);

}  // namespace frostline::detail

// Compiled once by frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/checkpoint/match_body.hpp"
#endif
