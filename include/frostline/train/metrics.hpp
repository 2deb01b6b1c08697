// SPDX-License-Identifier: MIT
// Metrics: accuracy, predictions, and the confusion matrix.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "frostline/core/shape.hpp"

namespace frostline {

/// Sums over the samples (or pixels) whose label is not ignored.
struct Evaluation {
  double loss_sum = 0;
  std::size_t correct = 0;
  std::size_t count = 0;
  double loss() const { return count ? loss_sum / double(count) : 0.0; }
  double accuracy() const { return count ? double(correct) / double(count) : 0.0; }
  Evaluation& operator+=(const Evaluation& more) {
    loss_sum += more.loss_sum;
    correct += more.correct;
    count += more.count;
    return *this;
  }
};

/// The class of the largest logit of one position; the first of equal ones; NaN counts as the
/// largest. Shapes: logits {classes, H, W} of one image.
/// Source: https://pytorch.org/docs/stable/generated/torch.argmax.html
inline int predicted_class(Shape shape, const float* logits, std::size_t pixel = 0) {
  const auto logit = [&](int c) { return logits[std::size_t(c) * shape.pixels() + pixel]; };
  int best = 0;
  for (int c = 1; c < shape.channels && logit(best) == logit(best); ++c)
    if (!(logit(c) <= logit(best))) best = c;
  return best;
}

}  // namespace frostline

namespace frostline::detail {

/// The most likely class of a sample, and its probability.
struct Prediction {
  int label = 0;
  float probability = 0;
};

/// The prediction from one sample's logits. Shapes: logits (classes).
inline Prediction likeliest(std::span<const float> logits) {
  const int best = predicted_class({int(logits.size()), 1, 1}, logits.data());
  double sum = 0;
  for (const float z : logits) sum += std::exp(double(z - logits[std::size_t(best)]));
  return {best, float(1 / sum)};
}

/// Evaluates a batch. Shapes: logits (batch, shape), labels (batch, pixels).
inline Evaluation count_correct(Shape shape, std::span<const float> logits,
                                std::span<const int> labels, int ignore_index, float mean_loss) {
  Evaluation result;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == ignore_index) continue;
    const float* image = logits.data() + i / shape.pixels() * shape.size();
    result.correct += predicted_class(shape, image, i % shape.pixels()) == labels[i];
    ++result.count;
  }
  result.loss_sum = double(mean_loss) * double(result.count);
  return result;
}

}  // namespace frostline::detail

namespace frostline {

/// Counts how often each class (row) was predicted as each class (column).
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(int classes)
      : classes_(classes), counts_(std::size_t(classes) * std::size_t(classes)) {}
  /// Labels that are not a class, such as the one that CrossEntropy ignores, are not counted.
  void add(int truth, int prediction) {
    if (truth >= 0 && truth < classes_ && prediction >= 0 && prediction < classes_)
      ++counts_[index(truth, prediction)];
  }
  int classes() const { return classes_; }
  std::int64_t operator()(int truth, int prediction) const {
    return counts_[index(truth, prediction)];
  }
  double accuracy() const {
    std::int64_t right = 0, all = 0;
    for (int t = 0; t < classes_; ++t)
      for (int p = 0; p < classes_; ++p) {
        all += (*this)(t, p);
        right += t == p ? (*this)(t, p) : 0;
      }
    return all ? double(right) / double(all) : 0.0;
  }
  /// Intersection over union of a class, or -1 if it neither occurs nor is predicted.
  double intersection_over_union(int k) const {
    std::int64_t either = -(*this)(k, k);
    for (int other = 0; other < classes_; ++other) either += (*this)(k, other) + (*this)(other, k);
    return either ? double((*this)(k, k)) / double(either) : -1.0;
  }
  /// The mean over the classes that occur or are predicted.
  double mean_intersection_over_union() const {
    double sum = 0;
    int present = 0;
    for (int k = 0; k < classes_; ++k)
      if (const double value = intersection_over_union(k); value >= 0) {
        sum += value;
        ++present;
      }
    return present ? sum / present : 0.0;
  }

 private:
  std::size_t index(int truth, int prediction) const {
    return std::size_t(truth) * std::size_t(classes_) + std::size_t(prediction);
  }
  int classes_;
  std::vector<std::int64_t> counts_;
};

}  // namespace frostline
