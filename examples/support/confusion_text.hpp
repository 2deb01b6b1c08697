// SPDX-License-Identifier: MIT
// A confusion matrix as text for the terminal, and a score for each class.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "frostline/train/metrics.hpp"

namespace examples {

/// How often a class was recognised, and the class for which it was mostly taken otherwise.
struct ClassScore {
  std::int64_t right = 0;
  std::int64_t total = 0;
  int taken_for = -1;  // -1: for no other class
  double accuracy() const { return total ? double(right) / double(total) : 0.0; }
};

std::vector<ClassScore> class_scores(const frostline::ConfusionMatrix& confusion);

/// An aligned table with a line per true class, a column per predicted class, totals and accuracy.
/// Names are shortened to fit. If the counts do not fit either, one column names the class for
/// which each class was mostly taken.
/// Throws: Error if there are not as many names as classes.
std::string confusion_text(const frostline::ConfusionMatrix& confusion,
                           std::span<const std::string> classes, int columns = 100);

}  // namespace examples
