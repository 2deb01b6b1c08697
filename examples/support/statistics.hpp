// SPDX-License-Identifier: MIT
// How far a count of right predictions, and their probabilities, can be trusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace examples {

struct Interval {
  double low = 0, high = 1;
};

/// Wilson's 95 % interval of a share, of which `right` of `total` trials is a sample; 0 to 1 if
/// there was no trial. Throws: Error unless 0 <= right <= total.
/// Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953
Interval wilson_interval(std::int64_t right, std::int64_t total);

/// A prediction: the probability of the predicted class, and whether that was the true class.
struct Outcome {
  float probability = 0;
  bool right = false;
};

/// The predictions whose probability is above `low` and at most `high`; the first bin has 0 too.
struct CalibrationBin {
  double low = 0, high = 1;
  std::int64_t right = 0, total = 0;
  double probability = 0;  // mean; 0 in an empty bin
  double accuracy() const { return total ? double(right) / double(total) : 0.0; }
};

/// How well probabilities agree with accuracy. The expected calibration error is the mean, over the
/// predictions, of the difference between their bin's accuracy and mean probability; 0 without any.
/// Source: Guo et al. 2017, https://arxiv.org/abs/1706.04599
struct Calibration {
  std::vector<CalibrationBin> bins;
  CalibrationBin all;            // the bins together
  double expected_error = 0;     // from 0 to 1
  std::int64_t not_numbers = 0;  // predictions whose probability is NaN, which are in no bin
};

/// Shapes: bins of equal width, in order.
/// Throws: Error if there is no bin, or a probability is below 0 or above 1.
Calibration calibration(std::span<const Outcome> outcomes, int bins = 10);

/// The predictions that a report shows: the most confident mistakes, most confident first, then
/// right ones, evenly spread over all right ones, in order. A NaN is less confident than a number.
std::vector<std::size_t> predictions_to_show(std::span<const Outcome> outcomes,
                                             std::size_t mistakes = 18, std::size_t right = 12);

}  // namespace examples
