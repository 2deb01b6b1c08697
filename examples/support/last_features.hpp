// SPDX-License-Identifier: MIT
// last_features: a trained network's last feature maps, by a network of its backbone.
#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "class_activation_map.hpp"
#include "frostline/checkpoint/load.hpp"
#include "frostline/core/error.hpp"
#include "frostline/network/network.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"

namespace examples {

/// The weights of the linear layer of a classifier: `fc` of a ResNet, `_fc` of an
/// EfficientNet-Lite. Shapes: (classes, channels). Throws: Error if the network has neither.
template <class Network>
std::vector<float> classifier_weights(const Network& network) {
  for (const frostline::NamedTensor& tensor : network.tensors())
    if (tensor.key == "fc.weight" || tensor.key == "_fc.weight") return network.values(tensor.key);
  throw frostline::Error("a network without a layer 'fc' or '_fc' has no class activation maps");
}

/// The feature maps of `Model`, whatever its head, with the weights in this file, which the
/// trained network has just saved. Its backbone runs frozen and one image at a time.
/// Throws: as load_pretrained and classifier_weights.
template <class Model, class Network>
LastFeatures last_features(const Network& trained, const std::filesystem::path& file) {
  using Backbone = frostline::ReplaceHead<frostline::Freeze<Model>, frostline::Identity>;
  using Maps = frostline::Network<Backbone, typename Network::input, typename Network::backend>;
  const auto maps = std::make_shared<Maps>(frostline::max_batch(1));
  frostline::load_pretrained(*maps, file);
  return {Maps::output_shape, classifier_weights(trained),
          [maps](std::span<const float> image) { return maps->predict(image); }};
}

}  // namespace examples
