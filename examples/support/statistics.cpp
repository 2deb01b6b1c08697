// SPDX-License-Identifier: MIT
// Intervals of shares, calibration, and the choice of predictions to show.
#include "statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "frostline/core/error.hpp"

namespace examples {

Interval wilson_interval(std::int64_t right, std::int64_t total) {
  if (right < 0 || right > total)
    throw frostline::Error(
        fmt::format("an interval for {} right of {} makes no sense", right, total));
  if (total == 0) return {};
  constexpr double z = 1.959963984540054;  // the normal distribution's quantile of 97.5 %
  const double n = double(total), share = double(right) / n, weight = z * z / n;
  const double center = (share + weight / 2) / (1 + weight);
  const double half = z / (1 + weight) * std::sqrt(share * (1 - share) / n + weight / (4 * n));
  // Rounding would leave 1e-17 instead of 0.
  return {right == 0 ? 0.0 : center - half, right == total ? 1.0 : center + half};
}

Calibration calibration(std::span<const Outcome> outcomes, int bins) {
  if (bins < 1) throw frostline::Error(fmt::format("a calibration cannot have {} bins", bins));
  Calibration result;
  for (int k = 0; k < bins; ++k)
    result.bins.push_back({.low = double(k) / bins, .high = double(k + 1) / bins});
  for (const auto& [probability, right] : outcomes) {
    if (std::isnan(probability)) {
      ++result.not_numbers;
      continue;
    }
    if (probability < 0 || probability > 1)
      throw frostline::Error(fmt::format("{} is not a probability", probability));
    auto bin = result.bins.begin();
    while (bin + 1 != result.bins.end() && probability > float(bin->high)) ++bin;
    for (CalibrationBin* counted : {&*bin, &result.all}) {
      counted->right += right;
      ++counted->total;
      counted->probability += double(probability);  // a sum until it is divided below
    }
  }
  const auto divide = [](CalibrationBin& bin) {
    if (bin.total) bin.probability /= double(bin.total);
  };
  divide(result.all);
  for (CalibrationBin& bin : result.bins) {
    divide(bin);
    if (bin.total)
      result.expected_error +=
          double(bin.total) / double(result.all.total) * std::abs(bin.accuracy() - bin.probability);
  }
  return result;
}

std::vector<std::size_t> predictions_to_show(std::span<const Outcome> outcomes,
                                             std::size_t mistakes, std::size_t right) {
  std::vector<std::size_t> chosen, recognised;
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    (outcomes[i].right ? recognised : chosen).push_back(i);
  const auto confidence = [&](std::size_t i) {
    return std::isnan(outcomes[i].probability) ? -1.0f : outcomes[i].probability;
  };
  std::stable_sort(chosen.begin(), chosen.end(), [&](std::size_t left, std::size_t other) {
    return confidence(left) > confidence(other);
  });
  chosen.resize(std::min(chosen.size(), mistakes));
  const std::size_t count = std::min(recognised.size(), right);
  for (std::size_t k = 0; k < count; ++k)
    chosen.push_back(recognised[(2 * k + 1) * recognised.size() / (2 * count)]);
  return chosen;
}

}  // namespace examples
