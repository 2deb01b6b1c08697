// SPDX-License-Identifier: MIT
// The block of MobileNetV3 and EfficientNet: an inverted residual with squeeze-and-excitation.
#pragma once

#include <type_traits>

#include "frostline/core/type_list.hpp"
#include "frostline/layers/stochastic_depth.hpp"
#include "frostline/models/conv_norm_activation.hpp"
#include "frostline/models/squeeze_excitation.hpp"

namespace frostline::detail {

/// The sizes of a block. `expanded`: the channels between the 1x1 convolutions; `squeeze`: those
/// inside the gate, or 0 without one.
struct GatedBlockSizes {
  int in, expanded, out, kernel, stride, squeeze;
};

template <class List>
struct SequentialOf;
template <class... Layers>
struct SequentialOf<TypeList<Layers...>> {
  using type = Sequential<Layers...>;
};

/// A 1x1 convolution to the expanded channels (none if those are the input's), a depthwise one with
/// the stride, squeeze-and-excitation, and a 1x1 one without activation; the input is added if it
/// has the same shape, and then the rest is left out for an image with probability Drop, in
/// training. Shapes: {in, H, W} to {out, ceil(H / stride), ceil(W / stride)}.
/// Source: Howard et al. 2019, https://arxiv.org/abs/1905.02244; torchvision's InvertedResidual
/// (models/mobilenetv3.py) and MBConv (models/efficientnet.py)
template <GatedBlockSizes S, class Activation, class GateActivation, class GateScale,
          NormConstants Constants, Probability Drop = Probability{0}>
struct GatedBlock {
  using expand = ConvNormActivation<S.in, S.expanded, 1, 1, 1, Activation, Constants>;
  using depthwise = ConvNormActivation<S.expanded, S.expanded, S.kernel, S.stride, S.expanded,
                                       Activation, Constants>;
  using gate =
      SqueezeExcitation<S.expanded, S.squeeze == 0 ? 1 : S.squeeze, GateActivation, GateScale>;
  using project = ConvNormActivation<S.expanded, S.out, 1, 1, 1, Identity, Constants>;
  using layers = typename SequentialOf<typename Join<
      std::conditional_t<S.in == S.expanded, TypeList<>, TypeList<expand>>, TypeList<depthwise>,
      std::conditional_t<S.squeeze == 0, TypeList<>, TypeList<gate>>,
      TypeList<project>>::type>::type;
  using main = Named<"block", layers>;
  using model = std::conditional_t<S.stride == 1 && S.in == S.out,
                                   Residual<Module<main, DepthOfBlock<Drop>>>, main>;
};

}  // namespace frostline::detail
