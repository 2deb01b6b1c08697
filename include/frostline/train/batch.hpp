// SPDX-License-Identifier: MIT
// Batches of samples: images, or features that a frozen beginning has computed.
#pragma once

#include <span>

namespace frostline {

/// Images and their labels: what FeatureCache::fill asks for.
struct BatchView {
  std::span<const float> numbers;  // (batch, C, H, W)
  std::span<const int> labels;     // (batch), or (batch, H, W) for a dense head, or none
};

/// Features in the place of images, and their labels: what FeatureCache::gather gives, and what a
/// Trainer's step and evaluate take.
struct FeatureBatch {
  std::span<const float> features;  // (batch, feature_shape)
  std::span<const int> labels;      // as a BatchView's
};

}  // namespace frostline
