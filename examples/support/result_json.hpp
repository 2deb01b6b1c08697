// SPDX-License-Identifier: MIT
// The result of a training run as a JSON file for other programs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "report.hpp"

namespace examples {

/// A training run. Units: seconds of wall time, over all epochs.
struct Result {
  std::string mode;  // the layers that trained last: head, last-stage or all
  std::string recipe, model, weights;
  std::optional<double> regularization;  // that of a probe
  double seconds = 0;
  std::uint64_t seed = 0;
  std::vector<std::string> classes;
  std::vector<EpochResult> epochs;
  bool averaged = false;  // whether the validation of epochs after a probe is of averaged weights
};

/// Writes the run as an object with mode, recipe, model, weights, regularization (null without a
/// probe), seconds, seed, classes, evaluated (of each epoch after a probe: "averaged weights" or
/// "last weights"), best_validation_accuracy and final_validation_accuracy, and an array by epoch
/// for each number of EpochResult. Numbers that are not finite become null, also the accuracies if
/// there are no epochs; a seed of 2^63 or more, for which jansson has no integer, becomes text.
/// Throws: Error, which names the file, if it cannot be written or a name is not UTF-8.
void write_result(const std::filesystem::path& path, const Result& result);

}  // namespace examples
