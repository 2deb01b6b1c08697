// SPDX-License-Identifier: MIT
// Standardization: features with mean 0 and deviation 1, and linear layers that undo it.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/data/shuffle.hpp"
#include "frostline/train/feature_cache.hpp"

namespace frostline::detail {

/// Samples of features, of which any can be fetched, in any order.
struct FeatureRows {
  std::size_t samples = 0;
  int features = 0;
  /// The features and labels of these samples, valid until the next call.
  std::function<FeatureBatch(std::span<const std::size_t>)> gather;

  /// Calls action(FeatureBatch) for these samples, 256 at a time.
  template <class Action>
  void for_each_block(std::span<const std::size_t> indices, Action action) const {
    constexpr std::size_t most = 256;
    for (std::size_t first = 0; first < indices.size(); first += most)
      action(gather(indices.subspan(first, std::min(most, indices.size() - first))));
  }
};

/// A full cache's samples. Throws: Error if it is not full.
inline FeatureRows rows_of(FeatureCache& cache) {
  if (!cache.full())
    throw Error(format_text("frostline: a full feature cache is required, got {} of {} samples",
                            cache.size(), cache.capacity()));
  return {cache.size(), int(cache.shape().size()),
          [&cache](std::span<const std::size_t> samples) { return cache.gather(samples); }};
}

}  // namespace frostline::detail

namespace frostline {

/// Shifts and scales features so that each has mean 0 and deviation 1 over the samples of a cache.
/// A feature whose deviation is mere rounding is constant and becomes 0. With an `epsilon`, epsilon
/// times the mean variance of all features is added to each variance, so that features that hardly
/// vary stay small. A linear layer that was trained on such features is changed by `fold` to one
/// that takes features as they are.
/// Source: https://scikit-learn.org/stable/modules/preprocessing.html#standardization
class Standardization {
 public:
  /// Throws: Error if the cache is not full.
  explicit Standardization(FeatureCache& cache, double epsilon = 0)
      : Standardization(detail::rows_of(cache), detail::in_order(cache.size()), epsilon) {}
  Standardization(const detail::FeatureRows& rows, std::span<const std::size_t> samples,
                  double epsilon = 0)
      : mean(std::size_t(rows.features)), scale(std::size_t(rows.features)) {
    const double count = double(samples.size());
    std::vector<double> largest(mean.size());
    rows.for_each_block(samples, [&](const detail::FeatureBatch& batch) {
      for (std::size_t i = 0; i < batch.features.size(); ++i) {
        const std::size_t k = i % mean.size();
        mean[k] += double(batch.features[i]) / count;
        largest[k] = std::max(largest[k], std::abs(double(batch.features[i])));
      }
    });
    rows.for_each_block(samples, [&](const detail::FeatureBatch& batch) {
      for (std::size_t i = 0; i < batch.features.size(); ++i) {
        const std::size_t k = i % mean.size();
        scale[k] += std::pow(double(batch.features[i]) - mean[k], 2) / count;
      }
    });
    constexpr double rounding = 1e-6;
    double all = 0;
    for (const double variance : scale) all += variance;
    const double added = epsilon * all / double(scale.size());
    for (std::size_t k = 0; k < scale.size(); ++k)
      scale[k] = std::sqrt(scale[k]) > rounding * largest[k] ? 1 / std::sqrt(scale[k] + added) : 0;
  }

  std::vector<double> mean;   // (features)
  std::vector<double> scale;  // (features): 1 / deviation if epsilon is 0; 0: a constant feature

  /// Standardises features in place. Shapes: (samples, features).
  void apply(std::span<float> features) const {
    for (std::size_t i = 0; i < features.size(); ++i) {
      const std::size_t k = i % mean.size();
      features[i] = float((double(features[i]) - mean[k]) * scale[k]);
    }
  }
  /// Changes a linear layer for standardised features to the same one for features as they are.
  /// Shapes: weight (outputs, features), bias (outputs).
  template <class Number>
  void fold(std::span<Number> weight, std::span<Number> bias) const {
    if (weight.size() != bias.size() * mean.size())
      throw Error(detail::format_text(
          "frostline: Standardization of {} features got {} weights and {} biases", mean.size(),
          weight.size(), bias.size()));
    for (std::size_t output = 0; output < bias.size(); ++output) {
      double shift = 0;
      for (std::size_t k = 0; k < mean.size(); ++k) {
        Number& w = weight[output * mean.size() + k];
        shift += double(w) * scale[k] * mean[k];
        w = Number(double(w) * scale[k]);
      }
      bias[output] = Number(double(bias[output]) - shift);
    }
  }
};

}  // namespace frostline
