// SPDX-License-Identifier: MIT
// A training run as one self-contained HTML page: accuracy, curves, confusions, calibration, and
// pictures with what the network looked at.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "frostline/io/images/pixels.hpp"
#include "frostline/train/fit_result.hpp"
#include "statistics.hpp"

namespace examples {

using frostline::EpochResult;

/// A picture with its class, and the predicted class with its probability; and, if there are any,
/// the picture with heat maps: where the network saw the predicted class, and the true one.
struct ShownPrediction {
  frostline::Image image;
  int truth = 0;
  int prediction = 0;
  float probability = 0;
  std::optional<frostline::Image> heat_of_prediction{}, heat_of_truth{};
};

/// The contents of a page. The headline is the confusion matrix's accuracy; facts are {name,
/// value}; outcomes are those of all validation pictures, for the calibration; predictions are
/// shown in their order, mistakes first.
struct Report {
  std::string title{};
  std::vector<std::pair<std::string, std::string>> facts{};
  std::vector<std::string> classes{};
  std::vector<EpochResult> epochs{};
  frostline::ConfusionMatrix confusion{0};
  std::vector<Outcome> outcomes{};
  std::vector<ShownPrediction> predictions{};
};

/// Writes the page completely or not at all. The program gnuplot draws the curves. Without epochs,
/// outcomes or predictions, their sections are left out.
/// Throws: Error if gnuplot is missing or fails, a class has no name, an outcome's probability is
/// not one, or the file cannot be written.
void write_report(const std::filesystem::path& path, const Report& report);

/// Draws a curve, to check before the work that write_report can.
/// Throws: Error if gnuplot is missing or fails.
void check_report_tools();

}  // namespace examples
