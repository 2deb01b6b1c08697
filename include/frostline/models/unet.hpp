// SPDX-License-Identifier: MIT
// UNetHead: a decoder that joins a backbone's stages, from the deepest to the first.
#pragma once

#include <utility>

#include "frostline/models/conv_norm_activation.hpp"
#include "frostline/models/heads.hpp"

namespace frostline {

/// A skip connection of a UNetHead: the decoder's value, upsampled to the size of the backbone's
/// stage `Stage`, which has `Channels` channels, is joined with that stage, and two 3x3
/// convolutions make `Out` channels of both. A batch norm brings the stage to the scale of the
/// decoder's value: the blocks of MobileNets and EfficientNets end without activation, and give
/// values that are many times as large. Other `Channels` than the stage has are a compile error at
/// `decoder.blocks.0.skip.norm`.
template <detail::FixedString Stage, int Channels, int Out>
struct Skip {
  static_assert(Channels > 0 && Out > 0, "frostline: Skip requires positive numbers of channels");
  static constexpr int out = Out;
  using Normalised = Module<OutputOf<Stage>, Named<"norm", BatchNorm2d<Channels>>>;
  template <int In>
  using Block =
      Module<Concat<UpsampleTo<Stage>, Named<"skip", Normalised>>,
             Named<"conv1", detail::ConvNormActivation<In + Channels, Out, 3, 1, 1, ReLU>>,
             Named<"conv2", detail::ConvNormActivation<Out, Out, 3, 1, 1, ReLU>>>;
};

}  // namespace frostline

namespace frostline::detail {

/// The blocks of a U-Net's decoder: each reads what the block before it gives, the first one `In`
/// channels.
template <int In, class... Skips>
struct UNetDecoder {
  static constexpr int count = int(sizeof...(Skips));
  static constexpr int widths[]{In, Skips::out...};
  template <int... I>
  static Sequential<typename Skips::template Block<widths[I]>...> sequence(
      std::integer_sequence<int, I...>);
  using model = decltype(sequence(std::make_integer_sequence<int, count>{}));
};

}  // namespace frostline::detail

namespace frostline {

/// A U-Net whose encoder is the backbone: dropout of 0.3, a 1x1 convolution to the channels of the
/// first Skip, a block for each Skip, the deepest stage first (another order is a compile error),
/// then a 3x3 convolution to the classes, upsampled to the size of the network's input. On
/// ResNet-18:
/// `UNetHead<512, 21, Skip<"layer3", 256, 128>, Skip<"layer2", 128, 64>, Skip<"layer1", 64, 32>>`.
/// `summary(network)` prints a backbone's names and channels; stages of others, deepest first:
///   MobileNetV2 (1280 features): features.13 96, features.6 32, features.3 24
///   ConvNeXtTiny (768): features.5 384, features.3 192, features.1 96
///   EfficientNetLite0 (1280): _blocks.10 112, _blocks.4 40, _blocks.2 24, _blocks.0 16
/// Shapes: {In, H, W} to {Classes, input height, input width}. The number of classes is a constant,
/// or AtMost<Bound>.
/// Source: Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597. The keys follow those of
/// segmentation_models_pytorch's Unet (`decoder.blocks.0.conv1.0.weight`), which has neither the
/// dropout, the 1x1 convolution nor the batch norms of the stages, and repeats pixels where this
/// interpolates. The paper's decoder upsamples by transposed convolutions, pads nothing and has no
/// batch norms.
template <int In, auto Classes, class First, class... More>
struct UNetHead {
  using blocks = detail::UNetDecoder<First::out, First, More...>;
  using center = Sequential<Dropout<Probability{0.3f}>,
                            detail::ConvNormActivation<In, First::out, 1, 1, 1, ReLU>>;
  static constexpr int width = blocks::widths[blocks::count];
  using last = detail::GivesClasses<Classes, Conv2d<width, detail::most_of(Classes), 3, 1, 1>>;
  using decoder = Module<Named<"center", center>, Named<"blocks", blocks>>;
  using model = Module<Named<"decoder", decoder>, Named<"segmentation_head", Sequential<last>>,
                       Named<"upsample", Upsample<>>>;
};

}  // namespace frostline
