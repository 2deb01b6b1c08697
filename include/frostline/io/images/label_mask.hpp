// SPDX-License-Identifier: MIT
// LabelMask: a class number for each pixel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"

namespace frostline {

/// A class number for each pixel.
/// Shapes: labels is height x width, rows from top to bottom.
struct LabelMask {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> labels;

  friend bool operator==(const LabelMask&, const LabelMask&) = default;
};

}  // namespace frostline

namespace frostline::detail {

/// Throws: Error if the mask's size and its labels disagree.
inline void check_mask(const LabelMask& mask) {
  if (mask.width < 1 || mask.height < 1 ||
      mask.labels.size() / static_cast<std::size_t>(mask.width) !=
          static_cast<std::size_t>(mask.height) ||
      mask.labels.size() % static_cast<std::size_t>(mask.width) != 0)
    throw Error(format_text("a mask of {}x{} pixels has {} labels, not one per pixel", mask.width,
                            mask.height, mask.labels.size()));
}

}  // namespace frostline::detail
