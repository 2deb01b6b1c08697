// SPDX-License-Identifier: MIT
// ResNet-18, 34, 50 and 101, ResNeXt-50 and Wide ResNet-50, with the names of torchvision's.
#pragma once

#include <type_traits>
#include <utility>

#include "frostline/core/model.hpp"
#include "frostline/layers/max_pool2d.hpp"
#include "frostline/models/heads.hpp"

namespace frostline::detail {

/// The input itself, or where a block changes the shape, a 1x1 convolution with the stride.
template <int In, int Out, int Stride>
using ResNetShortcut = std::conditional_t<
    Stride == 1 && In == Out, Identity,
    Named<"downsample", Sequential<Conv2d<In, Out, 1, Stride, 0, 1, 1, false>, BatchNorm2d<Out>>>>;

/// Two 3x3 convolutions and a shortcut; the first one has the stride, and so has a 1x1 shortcut.
/// Shapes: {In, H, W} to {Out, ceil(H / Stride), ceil(W / Stride)}.
/// Source: He et al. 2015, https://arxiv.org/abs/1512.03385; torchvision/models/resnet.py
template <int In, int Out, int Stride>
struct BasicBlock {
  using main = Module<Named<"conv1", Conv2d<In, Out, 3, Stride, 1, 1, 1, false>>,
                      Named<"bn1", BatchNorm2d<Out>>, Named<"relu", ReLU>,
                      Named<"conv2", Conv2d<Out, Out, 3, 1, 1, 1, 1, false>>,
                      Named<"bn2", BatchNorm2d<Out>>>;
  using model = Module<Residual<main, ResNetShortcut<In, Out, Stride>>, Named<"relu", ReLU>>;
};

/// A 1x1 convolution to `Middle` channels, a 3x3 one with the stride and the groups, a 1x1 one to
/// `Out` channels, and a shortcut. (The paper has the stride in the first convolution.)
/// Shapes: {In, H, W} to {Out, ceil(H / Stride), ceil(W / Stride)}.
/// Source: He et al. 2015, https://arxiv.org/abs/1512.03385; torchvision/models/resnet.py
template <int In, int Middle, int Out, int Stride, int Groups>
struct Bottleneck {
  using main = Module<
      Named<"conv1", Conv2d<In, Middle, 1, 1, 0, 1, 1, false>>, Named<"bn1", BatchNorm2d<Middle>>,
      Named<"relu", ReLU>, Named<"conv2", Conv2d<Middle, Middle, 3, Stride, 1, 1, Groups, false>>,
      Named<"bn2", BatchNorm2d<Middle>>, Named<"relu", ReLU>,
      Named<"conv3", Conv2d<Middle, Out, 1, 1, 0, 1, 1, false>>, Named<"bn3", BatchNorm2d<Out>>>;
  using model = Module<Residual<main, ResNetShortcut<In, Out, Stride>>, Named<"relu", ReLU>>;
};

/// The blocks of a ResNet: of two convolutions, or of three. Channels is a stage's width.
struct BasicBlocks {
  static constexpr int expansion = 1;
  template <int In, int Channels, int Stride>
  using Block = BasicBlock<In, Channels, Stride>;
};
template <int Groups = 1, int WidthPerGroup = 64>
struct Bottlenecks {
  static constexpr int expansion = 4;
  template <int In, int Channels, int Stride>
  using Block =
      Bottleneck<In, Channels * WidthPerGroup / 64 * Groups, 4 * Channels, Stride, Groups>;
};

/// A stage of blocks; the first one changes the shape.
template <class Blocks, int In, int Channels, int Stride, class Rest>
struct ResNetStage;
template <class Blocks, int In, int Channels, int Stride, int... Rest>
struct ResNetStage<Blocks, In, Channels, Stride, std::integer_sequence<int, Rest...>> {
  static constexpr int out = Channels * Blocks::expansion;
  using model = Sequential<typename Blocks::template Block<In, Channels, Stride>,
                           typename Blocks::template Block<out, Channels, 1 + 0 * Rest>...>;
};

/// A ResNet: {3, H, W} to its head's output. The backbone's stride is 32.
template <class Blocks, int Width, class HeadLayer, int Blocks1, int Blocks2, int Blocks3,
          int Blocks4>
struct ResNet {
  static constexpr int wide = Blocks::expansion * Width;
  template <int In, int Channels, int Stride, int Count>
  using Stage =
      ResNetStage<Blocks, In, Channels, Stride, std::make_integer_sequence<int, Count - 1>>;
  using model =
      Module<Named<"conv1", Conv2d<3, Width, 7, 2, 3, 1, 1, false>>,
             Named<"bn1", BatchNorm2d<Width>>, Named<"relu", ReLU>,
             Named<"maxpool", MaxPool2d<3, 2, 1>>, Named<"layer1", Stage<Width, Width, 1, Blocks1>>,
             Named<"layer2", Stage<wide, 2 * Width, 2, Blocks2>>,
             Named<"layer3", Stage<2 * wide, 4 * Width, 2, Blocks3>>,
             Named<"layer4", Stage<4 * wide, 8 * Width, 2, Blocks4>>, Head<HeadLayer>>;
};

}  // namespace frostline::detail

namespace frostline {

/// ResNet-18; width 64 is torchvision's. Shapes: {3, H, W} to the head's output.
template <int Width = 64, class HeadLayer = ClassifierHead<8 * Width, 1000>>
struct ResNet18 : detail::ResNet<detail::BasicBlocks, Width, HeadLayer, 2, 2, 2, 2> {};

/// ResNet-34; width 64 is torchvision's. Shapes: {3, H, W} to the head's output.
template <int Width = 64, class HeadLayer = ClassifierHead<8 * Width, 1000>>
struct ResNet34 : detail::ResNet<detail::BasicBlocks, Width, HeadLayer, 3, 4, 6, 3> {};

/// ResNet-50; width 64 is torchvision's. Shapes: {3, H, W} to the head's output.
template <int Width = 64, class HeadLayer = ClassifierHead<32 * Width, 1000>>
struct ResNet50 : detail::ResNet<detail::Bottlenecks<>, Width, HeadLayer, 3, 4, 6, 3> {};

/// ResNet-101; width 64 is torchvision's. Shapes: {3, H, W} to the head's output.
template <int Width = 64, class HeadLayer = ClassifierHead<32 * Width, 1000>>
struct ResNet101 : detail::ResNet<detail::Bottlenecks<>, Width, HeadLayer, 3, 4, 23, 3> {};

/// ResNeXt-50 32x4d: a ResNet-50 whose 3x3 convolutions have twice the channels, in 32 groups;
/// width 64 is torchvision's. Shapes: {3, H, W} to the head's output.
/// Source: Xie et al. 2016, https://arxiv.org/abs/1611.05431
template <int Width = 64, class HeadLayer = ClassifierHead<32 * Width, 1000>>
struct ResNeXt50 : detail::ResNet<detail::Bottlenecks<32, 4>, Width, HeadLayer, 3, 4, 6, 3> {};

/// Wide ResNet-50-2: a ResNet-50 whose 3x3 convolutions have twice the channels; width 64 is
/// torchvision's. Shapes: {3, H, W} to the head's output.
/// Source: Zagoruyko and Komodakis 2016, https://arxiv.org/abs/1605.07146
template <int Width = 64, class HeadLayer = ClassifierHead<32 * Width, 1000>>
struct WideResNet50 : detail::ResNet<detail::Bottlenecks<1, 128>, Width, HeadLayer, 3, 4, 6, 3> {};

}  // namespace frostline
