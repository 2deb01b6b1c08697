// SPDX-License-Identifier: MIT
// ResNet-18 and ResNet-34, with the names of torchvision's.
#pragma once

#include <utility>

#include "frostline/core/model.hpp"
#include "frostline/layers/max_pool2d.hpp"
#include "frostline/models/heads.hpp"

namespace frostline::detail {

/// Two 3x3 convolutions and a shortcut; the first one has the stride, and so has a 1x1 shortcut.
/// Shapes: {In, H, W} to {Out, ceil(H / Stride), ceil(W / Stride)}.
/// Source: He et al. 2015, https://arxiv.org/abs/1512.03385; torchvision/models/resnet.py
template <int In, int Out, int Stride>
struct BasicBlock {
  using main = Module<Named<"conv1", Conv2d<In, Out, 3, Stride, 1, 1, 1, false>>,
                      Named<"bn1", BatchNorm2d<Out>>, Named<"relu", ReLU>,
                      Named<"conv2", Conv2d<Out, Out, 3, 1, 1, 1, 1, false>>,
                      Named<"bn2", BatchNorm2d<Out>>>;
  using projection =
      Named<"downsample", Sequential<Conv2d<In, Out, 1, Stride, 0, 1, 1, false>, BatchNorm2d<Out>>>;
  using shortcut = std::conditional_t<Stride == 1 && In == Out, Identity, projection>;
  using model = Module<Residual<main, shortcut>, Named<"relu", ReLU>>;
};

/// A stage of blocks; the first one changes the shape.
template <template <int, int, int> class Block, int In, int Out, int Stride, class Rest>
struct ResNetStage;
template <template <int, int, int> class Block, int In, int Out, int Stride, int... Rest>
struct ResNetStage<Block, In, Out, Stride, std::integer_sequence<int, Rest...>> {
  using model = Sequential<Block<In, Out, Stride>, Block<Out, Out, 1 + 0 * Rest>...>;
};

/// A ResNet of basic blocks: {3, H, W} to its head's output. The backbone's stride is 32.
template <int Width, class HeadLayer, int Blocks1, int Blocks2, int Blocks3, int Blocks4>
struct ResNet {
  template <int In, int Out, int Stride, int Blocks>
  using Stage =
      ResNetStage<BasicBlock, In, Out, Stride, std::make_integer_sequence<int, Blocks - 1>>;
  using model =
      Module<Named<"conv1", Conv2d<3, Width, 7, 2, 3, 1, 1, false>>,
             Named<"bn1", BatchNorm2d<Width>>, Named<"relu", ReLU>,
             Named<"maxpool", MaxPool2d<3, 2, 1>>, Named<"layer1", Stage<Width, Width, 1, Blocks1>>,
             Named<"layer2", Stage<Width, 2 * Width, 2, Blocks2>>,
             Named<"layer3", Stage<2 * Width, 4 * Width, 2, Blocks3>>,
             Named<"layer4", Stage<4 * Width, 8 * Width, 2, Blocks4>>, Head<HeadLayer>>;
};

}  // namespace frostline::detail

namespace frostline {

/// ResNet-18; width 64 is torchvision's. Shapes: {3, H, W} to the head's output.
template <int Width = 64, class HeadLayer = ClassifierHead<8 * Width, 1000>>
struct ResNet18 : detail::ResNet<Width, HeadLayer, 2, 2, 2, 2> {};

/// ResNet-34; width 64 is torchvision's. Shapes: {3, H, W} to the head's output.
template <int Width = 64, class HeadLayer = ClassifierHead<8 * Width, 1000>>
struct ResNet34 : detail::ResNet<Width, HeadLayer, 3, 4, 6, 3> {};

}  // namespace frostline
