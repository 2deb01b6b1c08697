// SPDX-License-Identifier: MIT
// Where a classifier looked: class activation maps, and pictures with such a map over them.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "frostline/core/shape.hpp"
#include "frostline/data/transform.hpp"
#include "frostline/io/images/pixels.hpp"

namespace examples {

/// The last feature map of a classifier whose head is global average pooling, perhaps a layer norm,
/// and a linear layer, and how much each channel adds to each class (classifier_weights).
struct LastFeatures {
  frostline::Shape shape{};
  std::vector<float> weights;  // shapes: (classes, channels)
  /// The map of one image as the network takes it, valid until the next call. Shapes: {3, H, W} to
  /// `shape`.
  std::function<std::span<const float>(std::span<const float> image)> of_image;
};

/// A number for each position of a map.
struct HeatMap {
  int width = 0, height = 0;
  std::vector<float> values;  // shapes: (height, width)
};

/// The class activation map of a class: how much each position of the last feature map adds to the
/// class's logit, so that the sum over the map and the layer's bias are the logit. With negative
/// numbers set to 0, it is the map of Grad-CAM: where global average pooling and a linear layer
/// follow, the gradient of the logit by a feature is the weight of its channel divided by the
/// number of positions, so no backward is computed.
/// Shapes: features {C, h, w}, weights (classes, C) to (h, w).
/// Throws: Error if the sizes do not fit each other, or there is no such class.
/// Source: Zhou et al. 2016, https://arxiv.org/abs/1512.04150; Selvaraju et al. 2017,
/// https://arxiv.org/abs/1610.02391
HeatMap class_activation_map(frostline::Shape shape, std::span<const float> features,
                             std::span<const float> weights, int k);

/// The map at a point of the unit square, bilinear between the centres of its positions and
/// constant outside them (PyTorch's interpolate with align_corners=False).
/// Units: 0 is the left or upper edge of the map, 1 the right or lower one.
float heat_at(const HeatMap& map, double x, double y);

/// A picture with the positive part of a map over it, from transparent for 0 to yellow for the
/// map's largest number. The transform says which square of the picture the network saw; what is
/// outside is pale. A map without a positive number colours nothing.
/// Throws: Error if the map or the picture is empty, or a number of the map is not finite.
frostline::Image with_heat(const frostline::Image& image, const HeatMap& map,
                           const frostline::EvaluationTransform& transform);

}  // namespace examples
