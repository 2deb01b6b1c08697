// SPDX-License-Identifier: MIT
// The bodies of train/feature_cache.hpp: new samples, and its description.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

#include "frostline/core/body.hpp"
#include "frostline/core/element_type.hpp"
#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/train/feature_cache.hpp"

namespace frostline {

FROSTLINE_BODY void FeatureCache::append(std::span<const float> images,
                                         std::span<const int> labels) {
  const std::size_t sample = in_.size();
  const std::size_t samples = images.size() / sample;
  if (samples == 0 || images.size() % sample != 0)
    throw Error(detail::format_text(
        "frostline: the feature cache takes images of {} numbers, got {}", sample, images.size()));
  const std::size_t labels_each = size() == 0 ? labels.size() / samples : labels_each_;
  if (labels.size() != labels_each * samples)
    throw Error(detail::format_text(
        "frostline: the feature cache takes {} label(s) per image, got {} for {}", labels_each,
        labels.size(), samples));
  if (samples > capacity() - size())
    throw Error(detail::format_text("frostline: the feature cache was made for {} samples, got {}",
                                    capacity(), size() + samples));
  labels_each_ = labels_each;
  labels_.reserve(labels_.size() + labels.size());
  const std::size_t size_before = size(), labels_before = labels_.size();
  try {
    for (std::size_t first = 0; first < samples; first += max_batch_) {
      const std::size_t count = std::min(max_batch_, samples - first);
      store_.append(features_of_(network_, images.subspan(first * sample, count * sample)));
      const auto truth = labels.subspan(first * labels_each, count * labels_each);
      labels_.insert(labels_.end(), truth.begin(), truth.end());
    }
  } catch (...) {
    store_.shrink(size_before);
    labels_.resize(labels_before);
    throw;
  }
  if (full()) store_.keep();
}

FROSTLINE_BODY std::string FeatureCache::text() const {
  return detail::format_text("{} samples of {}x{}x{}, {}, {:.3g} MB {}", capacity(),
                             shape().channels, shape().height, shape().width,
                             detail::name_of(type()), double(bytes()) / 1e6,
                             in_file() ? "in a mapped file" : "in memory");
}

}  // namespace frostline
