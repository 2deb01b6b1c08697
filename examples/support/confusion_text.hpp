// SPDX-License-Identifier: MIT
// A confusion matrix as text for the terminal, and what it says about each class.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "frostline/train/metrics.hpp"

namespace examples {

/// How often one class was recognised, and for what it was mostly taken otherwise.
struct ClassScore {
  std::int64_t right = 0;
  std::int64_t total = 0;
  int taken_for = -1;  // -1 where it never was
  double accuracy() const { return total ? double(right) / double(total) : 0.0; }
};

std::vector<ClassScore> class_scores(const frostline::ConfusionMatrix& confusion);

/// An aligned table, one line a true class, one column a predicted one, with totals and accuracy.
/// Names are shortened to fit; where even counts don't, a column says for what each was taken.
/// Throws: Error if there are not as many names as classes.
std::string confusion_text(const frostline::ConfusionMatrix& confusion,
                           std::span<const std::string> classes, int columns = 100);

}  // namespace examples
