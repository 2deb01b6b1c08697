// SPDX-License-Identifier: MIT
// A batch of features that a frozen beginning has computed.
#pragma once

#include <span>

namespace frostline {

/// Features in the place of images, and their labels: what FeatureCache::gather gives, and what a
/// Trainer's step and evaluate take.
struct FeatureBatch {
  std::span<const float> features;  // (batch, feature_shape)
  std::span<const int> labels;      // (batch), or (batch, H, W) for a dense head, or none
};

}  // namespace frostline
