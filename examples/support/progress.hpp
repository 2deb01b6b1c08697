// SPDX-License-Identifier: MIT
// A progress bar on stderr for an epoch, with its mean loss and its speed.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace examples {

/// The progress of an epoch: one line, which is redrawn on a terminal; a log file gets nothing.
class Progress {
 public:
  Progress(std::string label, std::size_t total_images);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();  // clears the line if an exception came before finish()

  /// The number of images that are done, and their mean loss if there is one.
  void show(std::size_t images, std::optional<double> mean_loss = {});
  /// Stops the clock and clears the line.
  void finish();

  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  void draw() const;
  void clear() const;

  std::string label_;
  std::size_t total_;
  std::size_t images_ = 0;
  std::optional<double> loss_;
  bool terminal_;
  bool finished_ = false;
  Clock::time_point start_, end_, drawn_;
};

}  // namespace examples
