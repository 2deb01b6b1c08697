// SPDX-License-Identifier: MIT
// Matching: pairs of a file's tensors and a network's.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "frostline/checkpoint/load_options.hpp"
#include "frostline/core/lender.hpp"
#include "frostline/core/path.hpp"
#include "frostline/io/weights/state_dict.hpp"
#include "frostline/program/named_tensor.hpp"

namespace frostline::detail {

/// Pairs of a network's tensors and stored ones. Extents differ only if resized_positions makes
/// one the other.
struct Matching {
  std::vector<std::pair<std::size_t, StoredTensor>> pairs{};  // index of the network's tensor
  LoadReport report{};
  std::shared_ptr<const Lender> file{};  // has the stored tensors
};

/// Reads a file and matches its tensors with all of a network's, of which the parts `replaced` are
/// new. With `skip_new` a new head stays as it is.
/// Throws: Error if the file cannot be read, or that lists everything that does not fit.
Matching match_file(const std::string& path, const std::vector<NamedTensor>& wanted,
                    std::span<const Path> replaced, const LoadOptions& options, bool skip_new);

}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/checkpoint/match_body.hpp"
#endif
