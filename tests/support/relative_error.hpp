// SPDX-License-Identifier: MIT
// relative_error: the distance of numbers from the expected ones.
#pragma once

#include <cmath>
#include <span>

#include "support/catch.hpp"

namespace frostline::test {

/// The L2 norm of the difference over the expected numbers', which must not all be 0.
inline double relative_error(std::span<const float> found, std::span<const float> expected) {
  REQUIRE(found.size() == expected.size());
  double errors = 0, squares = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    errors += double(found[i] - expected[i]) * double(found[i] - expected[i]);
    squares += double(expected[i]) * double(expected[i]);
  }
  REQUIRE(squares > 0);
  return std::sqrt(errors / squares);
}

}  // namespace frostline::test
