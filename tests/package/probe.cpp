// SPDX-License-Identifier: MIT
// A consumer of frostline::probe.
#include <cmath>
#include <cstdio>
#include <frostline/train/logistic_regression.hpp>

int main() {
  const std::vector<float> features{3, 7, 7, 3};
  const std::vector<int> labels{0, 1, 1, 0};
  frostline::LogisticRegressionOptions options;
  options.regularization = 1 / (1 + std::exp(2.0));
  const auto fit = frostline::fit_logistic_regression(features, labels, 2, options);
  std::printf("a probe's weights: %.2f %.2f\n", double(fit.weight[0]), double(fit.weight[1]));
}
