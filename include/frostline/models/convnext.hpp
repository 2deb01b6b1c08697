// SPDX-License-Identifier: MIT
// ConvNeXt-Tiny, with the names of torchvision's.
#pragma once

#include <utility>

#include "frostline/core/model.hpp"
#include "frostline/layers/conv2d.hpp"
#include "frostline/layers/flatten.hpp"
#include "frostline/layers/gelu.hpp"
#include "frostline/layers/global_average_pool.hpp"
#include "frostline/layers/layer_norm2d.hpp"
#include "frostline/layers/layer_scale.hpp"
#include "frostline/layers/linear.hpp"
#include "frostline/layers/pointwise_linear.hpp"
#include "frostline/layers/stochastic_depth.hpp"

namespace frostline {
namespace detail {

inline constexpr Epsilon convnext_epsilon{1e-6f};

/// A depthwise convolution of 7x7, a norm, and two linear layers at each pixel, with four times the
/// channels and GELU between them; the result is scaled and added to the input. It is left out for
/// an image with probability Drop, in training.
/// Shapes: {Channels, H, W} to the same.
/// Source: Liu et al. 2022, https://arxiv.org/abs/2201.03545; torchvision's CNBlock
template <int Channels, Probability Drop = Probability{0}>
struct ConvNeXtBlock {
  // Identity is where torchvision permutes.
  using block =
      Sequential<Conv2d<Channels, Channels, 7, 1, 3, 1, Channels>, Identity,
                 LayerNorm2d<Channels, convnext_epsilon>, PointwiseLinear<Channels, 4 * Channels>,
                 GELU, PointwiseLinear<4 * Channels, Channels>>;
  using model = Residual<Module<Named<"block", block>, LayerScale<Channels>, DepthOfBlock<Drop>>>;
};

/// Blocks one after another. First: the number of blocks before them; Last: that of the network's
/// last one, whose probability to be left out is Drop. The first one's is 0, and others are
/// between.
template <int Channels, int First, int Last, Probability Drop, class Positions>
struct ConvNeXtStage;
template <int Channels, int First, int Last, Probability Drop, int... I>
struct ConvNeXtStage<Channels, First, Last, Drop, std::integer_sequence<int, I...>> {
  using model = Sequential<ConvNeXtBlock<Channels, drop_of_block(Drop, First + I, Last)>...>;
};

}  // namespace detail

/// Global average pooling, a layer norm and one linear layer, `classifier.2`.
/// Shapes: {In, H, W} to {Classes, 1, 1}. The number of classes is a constant, or AtMost<Bound>.
template <int In, auto Classes>
struct ConvNeXtHead {
  using linear = detail::GivesClasses<Classes, Linear<In, detail::most_of(Classes)>>;
  using model = Module<
      Named<"avgpool", GlobalAveragePool>,
      Named<"classifier", Sequential<LayerNorm2d<In, detail::convnext_epsilon>, Flatten, linear>>>;
};

/// ConvNeXt-Tiny; width 96 is torchvision's. Drop is torchvision's `stochastic_depth_prob`, for
/// which it takes 0.1: with such a probability, the last block is left out for an image in
/// training, and earlier ones are with smaller probabilities. It costs a copy per block. Shapes:
/// {3, H, W} to the head's output; the backbone's stride is 32, and it gives 8 * Width channels.
/// Source: https://pytorch.org/vision/stable/models/convnext.html (Liu et al. 2022)
template <int Width = 96, class HeadLayer = ConvNeXtHead<8 * Width, 1000>,
          Probability Drop = Probability{0}>
struct ConvNeXtTiny {
  static_assert(Width > 0, "frostline: ConvNeXtTiny requires a positive Width");
  static_assert(Drop.value >= 0 && Drop.value < 1,
                "frostline: ConvNeXtTiny requires a Drop of at least 0 and below 1");
  template <int Channels>
  using Norm = LayerNorm2d<Channels, detail::convnext_epsilon>;
  template <int Channels, int First, int Blocks>
  using Stage =
      detail::ConvNeXtStage<Channels, First, 17, Drop, std::make_integer_sequence<int, Blocks>>;
  template <int In>
  using Downsample = Sequential<Norm<In>, Conv2d<In, 2 * In, 2, 2>>;
  using features =
      Sequential<Sequential<Conv2d<3, Width, 4, 4>, Norm<Width>>, Stage<Width, 0, 3>,
                 Downsample<Width>, Stage<2 * Width, 3, 3>, Downsample<2 * Width>,
                 Stage<4 * Width, 6, 9>, Downsample<4 * Width>, Stage<8 * Width, 15, 3>>;
  using model = Module<Named<"features", features>, Head<HeadLayer>>;
};

}  // namespace frostline
