// SPDX-License-Identifier: MIT
// FeatureCache: the features of a data set, computed once.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "frostline/network/network.hpp"
#include "frostline/program/diagnose.hpp"
#include "frostline/train/batch.hpp"
#include "frostline/train/feature_store.hpp"

namespace frostline {

/// The outputs of a network's frozen beginning (Network::features) for each sample of a data set.
/// After it is filled, the other layers can be trained on it in any order, epoch after epoch:
///
///     FeatureCache cache{network, 471};
///     cache.append(images, labels);  // batch after batch, until it is full
///     trainer.step(cache.gather(indices));
///
/// The images must not vary: none may be cropped or mirrored at random. The cached features do not
/// change if the network's weights are replaced later. Labels stay in memory.
class FeatureCache {
 public:
  /// Allocates room for this many samples. The network must live until the cache is full.
  /// Throws: Error if `samples` is 0 or they do not fit in memory or on the disk.
  template <class Net>
  FeatureCache(Net& network, std::size_t samples, const CacheOptions& options = {})
      : in_(Net::input_shape),
        max_batch_(std::size_t(network.max_batch())),
        network_(&network),
        features_of_([](void* net, std::span<const float> images) {
          return static_cast<Net*>(net)->executor().features(images);
        }),
        store_(network.executor().feature_shape(), samples, options) {
    static_cast<void>(
        detail::Diagnose<detail::FeatureProblemOf<typename Net::model, typename Net::input>>{});
  }

  /// Computes the features of any number of images and stores them with their labels.
  /// Shapes: images (samples, C, H, W). Throws: Error, with nothing added, if a size does not fit
  /// or there are more samples than the cache was made for; with all samples added, if the file of
  /// a full cache cannot be kept.
  void append(std::span<const float> images, std::span<const int> labels = {});

  /// The features and labels of these samples, which are numbered from 0 in the order in which they
  /// were appended. Valid until the next call. Throws: Error if there is no such sample.
  detail::FeatureBatch gather(std::span<const std::size_t> indices) {
    gathered_.resize(indices.size() * shape().size());
    store_.gather(indices, gathered_.data());
    gathered_labels_.clear();
    for (const std::size_t index : indices) {
      const auto first = labels_.begin() + std::ptrdiff_t(index * labels_each_);
      gathered_labels_.insert(gathered_labels_.end(), first, first + std::ptrdiff_t(labels_each_));
    }
    return {gathered_, gathered_labels_};
  }

  Shape shape() const { return store_.shape(); }  // of the features per sample
  std::size_t size() const { return store_.size(); }
  std::size_t capacity() const { return store_.capacity(); }
  bool full() const { return size() == capacity(); }
  ElementType type() const { return store_.type(); }
  std::size_t bytes() const { return store_.bytes(); }
  bool in_file() const { return store_.in_file(); }

  /// "471 samples of 512x1x1, F32, 0.96 MB in memory".
  std::string text() const;

 private:
  Shape in_;  // the shape of an image
  std::size_t max_batch_;
  void* network_;  // of any type, which features_of_ knows
  std::span<const float> (*features_of_)(void* network, std::span<const float> images);
  detail::FeatureStore store_;
  std::size_t labels_each_ = 0;
  std::vector<int> labels_;
  std::vector<float> gathered_;
  std::vector<int> gathered_labels_;
};

}  // namespace frostline

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/train/feature_cache_body.hpp"
#endif
