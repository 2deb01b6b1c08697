// SPDX-License-Identifier: MIT
// A progress bar on stderr for an epoch, with its running mean loss and its speed.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace examples {

/// How far an epoch has come: one line, redrawn in place on a terminal; a log gets nothing.
class Progress {
 public:
  Progress(std::string label, std::size_t total_images);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();  // clears the line if an exception came before finish()

  /// Counts a batch, with its mean loss or, where there is none, without.
  void advance(std::size_t images, double mean_loss);
  void advance(std::size_t images);
  /// Stops the clock and clears the line.
  void finish();

  std::size_t images() const { return images_; }
  /// The mean over the images that came with a loss, 0 before the first.
  double mean_loss() const { return loss_images_ ? loss_sum_ / double(loss_images_) : 0.0; }
  double seconds() const;
  double images_per_second() const;

 private:
  using Clock = std::chrono::steady_clock;
  void draw() const;
  void clear() const;

  std::string label_;
  std::size_t total_;
  std::size_t images_ = 0;
  std::size_t loss_images_ = 0;
  double loss_sum_ = 0;
  bool terminal_;
  bool finished_ = false;
  Clock::time_point start_, end_, drawn_;
};

}  // namespace examples
