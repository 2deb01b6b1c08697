// SPDX-License-Identifier: MIT
// FeatureBatch: a batch of features.
#pragma once

#include <span>

namespace frostline::detail {

/// Features, instead of images, and their labels. FeatureCache::gather returns it, and a Trainer's
/// step and evaluate take it.
struct FeatureBatch {
  std::span<const float> features;  // (batch, feature_shape)
  std::span<const int> labels;      // (batch), or (batch, H, W) for a dense head, or none
};

}  // namespace frostline::detail
