// SPDX-License-Identifier: MIT
// CountingLender: lends weights, and counts their readings.
#pragma once

#include <utility>
#include <vector>

#include "frostline/core/lender.hpp"
#include "support/internals.hpp"

namespace frostline::test {

/// Counts how often its numbers are about to be read.
struct CountingLender : Lender {
  explicit CountingLender(std::vector<float> values) : numbers(std::move(values)) {}
  void require_unchanged() const override { ++readings; }
  void rest() const override {}
  std::vector<float> numbers;
  mutable int readings = 0;
};

}  // namespace frostline::test
