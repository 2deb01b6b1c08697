// SPDX-License-Identifier: MIT
// Squeeze-and-excitation, with the names of torchvision's.
#pragma once

#include "frostline/core/model.hpp"
#include "frostline/layers/conv2d.hpp"
#include "frostline/layers/global_average_pool.hpp"
#include "frostline/layers/relu.hpp"
#include "frostline/layers/sigmoid.hpp"

namespace frostline {

/// Multiplies each channel by a gate that is computed from the means of all channels: a 1x1
/// convolution `fc1` to `SqueezeChannels` channels, Activation, a 1x1 convolution `fc2`,
/// ScaleActivation (Sigmoid: gates between 0 and 1). Shapes: {Channels, H, W} to the same. Source:
/// Hu et al. 2018, https://arxiv.org/abs/1709.01507;
/// https://pytorch.org/vision/stable/generated/torchvision.ops.SqueezeExcitation.html
template <int Channels, int SqueezeChannels, class Activation = ReLU,
          class ScaleActivation = Sigmoid>
struct SqueezeExcitation {
  using gate =
      Module<Named<"avgpool", GlobalAveragePool>,
             Named<"fc1", Conv2d<Channels, SqueezeChannels, 1>>, Named<"activation", Activation>,
             Named<"fc2", Conv2d<SqueezeChannels, Channels, 1>>,
             Named<"scale_activation", ScaleActivation>>;
  using model = Scaled<gate>;
};

}  // namespace frostline
