// SPDX-License-Identifier: MIT
// A training run as one self-contained HTML page: accuracy, curves, confusions, pictures.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "frostline/io/images/pixels.hpp"
#include "frostline/train/fit_result.hpp"

namespace examples {

using frostline::EpochResult;

/// A picture with its class and the class that the network gave it, with which probability.
struct ShownPrediction {
  frostline::Image image;
  int truth = 0;
  int prediction = 0;
  float probability = 0;
};

/// What a page shows. The headline is the confusion matrix's accuracy; facts are {name, value}.
struct Report {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;
  std::vector<std::string> classes;
  std::vector<EpochResult> epochs;
  frostline::ConfusionMatrix confusion{0};
  std::vector<ShownPrediction> predictions;
};

/// Writes the page, whole or not at all. Curves are drawn by gnuplot, a program; a page without
/// epochs or predictions goes without the section.
/// Throws: Error if gnuplot is missing or fails, a class has no name or the file isn't written.
void write_report(const std::filesystem::path& path, const Report& report);

/// Draws a curve, to find out before the work whether write_report will be able to.
/// Throws: Error if gnuplot is missing or fails.
void check_report_tools();

}  // namespace examples
