// SPDX-License-Identifier: MIT
// Metrics: predicted classes, and the number of correct predictions.
#include "frostline/train/metrics.hpp"

#include <limits>

#include "support/catch.hpp"
#include "support/internals.hpp"

namespace frostline::test::metrics_test {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

TEST_CASE("the predicted class is the first of the largest logits, and NaN is the largest") {
  struct {
    std::vector<float> logits;
    int predicted;  // torch.argmax's
  } const cases[]{{{1, 3, 2}, 1},
                  {{3, 1, 3}, 0},
                  {{1, infinity, nan}, 2},
                  {{nan, infinity, 1}, 0},
                  {{1, nan, nan}, 1},
                  {{nan, nan, nan}, 0},
                  {{-infinity, -1, 0}, 2},
                  {{0, -infinity, 0}, 0},
                  {{-infinity, -infinity, 1}, 2},
                  {{1, infinity, infinity}, 1}};
  for (const auto& [logits, predicted] : cases)
    CHECK(predicted_class({3, 1, 1}, logits.data()) == predicted);
}

TEST_CASE("predictions from NaN logits of pixels count as their classes") {
  constexpr Shape shape{3, 1, 2};  // the logits of a pixel are 2 floats apart
  const std::vector<float> logits{1, nan, nan, 0, 2, 0, 0, 1, 0, 5, 1, nan};
  CHECK(predicted_class(shape, logits.data(), 0) == 1);
  CHECK(predicted_class(shape, logits.data(), 1) == 0);
  const std::vector<int> labels{1, 0, -100, 2};
  const Evaluation found = count_correct(shape, logits, labels, -100, nan);
  CHECK(found.correct == 3);
  CHECK(found.count == 3);
  CHECK(found.loss() != found.loss());
}

}  // namespace
}  // namespace frostline::test::metrics_test
