// SPDX-License-Identifier: MIT
// MobileNetV2, with the names of torchvision's.
#pragma once

#include <type_traits>
#include <utility>

#include "frostline/layers/relu6.hpp"
#include "frostline/models/conv_norm_activation.hpp"
#include "frostline/models/heads.hpp"

namespace frostline {
namespace detail {

/// The sizes of an inverted residual.
struct MobileBlock {
  int in = 0, out = 0, stride = 0, expansion = 0;
};
/// MobileNetV2's 17 blocks, for a width in percent.
struct MobileBlocks {
  static constexpr int count = 17;
  MobileBlock items[count]{};
  int stem = 0, last = 0;  // the channels of the first and of the last convolution

  constexpr explicit MobileBlocks(int width_percent) {
    struct Stage {
      int expansion, out, blocks, stride;
    };
    constexpr Stage stages[]{{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                             {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    stem = rounded_width(32, width_percent);
    last = rounded_width(1280, std::max(100, width_percent));
    int in = stem, i = 0;
    for (const Stage& stage : stages)
      for (int k = 0; k < stage.blocks; ++k) {
        const int out = rounded_width(stage.out, width_percent);
        items[i++] = {in, out, k == 0 ? stage.stride : 1, stage.expansion};
        in = out;
      }
  }
};

/// A 1x1 convolution to `Expansion` times the channels (none if that is 1), a depthwise 3x3 one
/// with the stride, and a 1x1 one to `Out` channels without activation; the input is added if it
/// has the same shape. Shapes: {In, H, W} to {Out, ceil(H / Stride), ceil(W / Stride)}.
/// Source: Sandler et al. 2018, https://arxiv.org/abs/1801.04381; torchvision/models/mobilenetv2.py
template <int In, int Out, int Stride, int Expansion>
struct InvertedResidual {
  static constexpr int inner = Expansion * In;
  using expand = ConvNormActivation<In, inner, 1, 1, 1, ReLU6>;
  using depthwise = ConvNormActivation<inner, inner, 3, Stride, inner, ReLU6>;
  using project = Conv2d<inner, Out, 1, 1, 0, 1, 1, false>;
  using layers =
      std::conditional_t<Expansion == 1, Sequential<depthwise, project, BatchNorm2d<Out>>,
                         Sequential<expand, depthwise, project, BatchNorm2d<Out>>>;
  using main = Named<"conv", layers>;
  using model = std::conditional_t<Stride == 1 && In == Out, Residual<main>, main>;
};

}  // namespace detail

/// MobileNetV2; WidthPercent is torchvision's `width_mult` times 100. Shapes: {3, H, W} to the
/// head's output; the backbone's stride is 32, and it gives 1280 channels (more only if
/// WidthPercent is above 100).
/// Source: https://pytorch.org/vision/stable/models/mobilenetv2.html (Sandler et al. 2018)
template <int WidthPercent = 100,
          class HeadLayer = DropoutHead<detail::MobileBlocks{WidthPercent}.last, 1000>>
struct MobileNetV2 {
  static_assert(WidthPercent > 0, "frostline: MobileNetV2 requires a positive WidthPercent");
  static constexpr detail::MobileBlocks blocks{WidthPercent};
  template <int I>
  using Block = detail::InvertedResidual<blocks.items[I].in, blocks.items[I].out,
                                         blocks.items[I].stride, blocks.items[I].expansion>;
  template <int... I>
  static Sequential<
      detail::ConvNormActivation<3, blocks.stem, 3, 2, 1, ReLU6>, Block<I>...,
      detail::ConvNormActivation<blocks.items[blocks.count - 1].out, blocks.last, 1, 1, 1, ReLU6>>
      sequence(std::integer_sequence<int, I...>);
  using features = decltype(sequence(std::make_integer_sequence<int, blocks.count>{}));
  using model = Module<Named<"features", features>, Head<HeadLayer>>;
};

}  // namespace frostline
