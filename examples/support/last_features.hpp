// SPDX-License-Identifier: MIT
// last_features: a trained network's last feature maps, by a network of its backbone.
#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "class_activation_map.hpp"
#include "classifier.hpp"
#include "frostline/checkpoint/load.hpp"
#include "frostline/core/error.hpp"
#include "frostline/network/network.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"

namespace examples {

/// How much a channel of the pooled features adds to the logit of each class: the weights of the
/// classifier's linear layer, one of linear_layers. Where a layer norm of the pooled features comes
/// before it (ConvNeXt's `classifier.0`), its weight and its subtraction of the mean are part of
/// them; its division by the deviation, one positive number for each image, is not, so that maps
/// are right but for such a factor.
/// Shapes: (classes, channels). Throws: Error if the network has no such layer.
template <class Network>
std::vector<float> classifier_weights(const Network& network) {
  std::vector<float> weights, norm;
  for (const frostline::NamedTensor& tensor : network.tensors()) {
    const std::string_view key = tensor.key;
    if (key == "classifier.0.weight") norm = network.values(key);
    for (const std::string_view layer : linear_layers)
      if (key.starts_with(layer) && key.substr(layer.size()) == ".weight")
        weights = network.values(key);
  }
  if (weights.empty())
    throw frostline::Error("a network without a linear layer of a known name has no heat maps");
  for (std::size_t row = 0; !norm.empty() && row < weights.size(); row += norm.size()) {
    double mean = 0;
    for (std::size_t c = 0; c < norm.size(); ++c)
      mean += double(weights[row + c] *= norm[c]) / double(norm.size());
    for (std::size_t c = 0; c < norm.size(); ++c) weights[row + c] -= float(mean);
  }
  return weights;
}

/// The feature maps of `Model`, whatever its head, with the weights in this file, which the
/// trained network has just saved. Its backbone runs frozen and one image at a time.
/// Throws: as load_pretrained and classifier_weights; Error if the features are no maps.
template <class Model, class Network>
LastFeatures last_features(const Network& trained, const std::filesystem::path& file) {
  using Backbone = frostline::ReplaceHead<frostline::Freeze<Model>, frostline::Identity>;
  using Maps = frostline::Network<Backbone, typename Network::input, typename Network::backend>;
  if (Maps::output_shape.height == 1 && Maps::output_shape.width > 1)
    throw frostline::Error("a network whose features are a sequence of tokens has no heat maps");
  const auto maps = std::make_shared<Maps>(frostline::max_batch(1));
  frostline::load_pretrained(*maps, file);
  return {Maps::output_shape, classifier_weights(trained),
          [maps](std::span<const float> image) { return maps->predict(image); }};
}

}  // namespace examples
