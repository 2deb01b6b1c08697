// SPDX-License-Identifier: MIT
// ResNet-18, 34, 50 and 101, ResNeXt-50 and Wide ResNet-50, with the names of torchvision's.
#pragma once

#include <type_traits>
#include <utility>

#include "frostline/core/model.hpp"
#include "frostline/layers/max_pool2d.hpp"
#include "frostline/models/heads.hpp"

namespace frostline {

/// How many times smaller a backbone's features are than its input: 32, 16 or 8. In place of the
/// stride of the last stage (16), or of the last two (8), all their later 3x3 convolutions are
/// dilated, so that they see as far as before; the weights are the same. torchvision's segmentation
/// models have 8: `replace_stride_with_dilation=[False, True, True]`.
struct OutputStride {
  int value = 32;
};

}  // namespace frostline

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

/// A 1x1 convolution to `Middle` channels, a 3x3 one with the stride, the groups and the dilation,
/// a 1x1 one to `Out` channels, and a shortcut. (The paper has the stride in the first
/// convolution.) Shapes: {In, H, W} to {Out, ceil(H / Stride), ceil(W / Stride)}. Source: He et al.
/// 2015, https://arxiv.org/abs/1512.03385; torchvision/models/resnet.py
template <int In, int Middle, int Out, int Stride, int Groups, int Dilation>
struct Bottleneck {
  using main =
      Module<Named<"conv1", Conv2d<In, Middle, 1, 1, 0, 1, 1, false>>,
             Named<"bn1", BatchNorm2d<Middle>>, Named<"relu", ReLU>,
             Named<"conv2", Conv2d<Middle, Middle, 3, Stride, Dilation, Dilation, Groups, false>>,
             Named<"bn2", BatchNorm2d<Middle>>, Named<"relu", ReLU>,
             Named<"conv3", Conv2d<Middle, Out, 1, 1, 0, 1, 1, false>>,
             Named<"bn3", BatchNorm2d<Out>>>;
  using model = Module<Residual<main, ResNetShortcut<In, Out, Stride>>, Named<"relu", ReLU>>;
};

/// The blocks of a ResNet: of two convolutions, or of three. Channels is a stage's width.
struct BasicBlocks {
  static constexpr int expansion = 1;
  template <int In, int Channels, int Stride, int Dilation>
  struct Block : BasicBlock<In, Channels, Stride> {
    static_assert(Dilation == 1);  // torchvision defines none
  };
};
template <int Groups = 1, int WidthPerGroup = 64>
struct Bottlenecks {
  static constexpr int expansion = 4;
  template <int In, int Channels, int Stride, int Dilation>
  using Block = Bottleneck<In, Channels * WidthPerGroup / 64 * Groups, 4 * Channels, Stride, Groups,
                           Dilation>;
};

/// What makes the features of a stage smaller, or in place of that lets it see farther: the stride
/// and the dilation of its first block, and the dilation of the others.
struct Reach {
  int stride = 1, first_dilation = 1, dilation = 1;
  /// That of the next stage, which has a stride of 2 or, if `dilated`, twice the dilation.
  constexpr Reach next(bool dilated) const {
    return dilated ? Reach{1, dilation, 2 * dilation} : Reach{2, dilation, dilation};
  }
};

/// A stage of blocks; the first one changes the shape.
template <class Blocks, int In, int Channels, Reach At, class Rest>
struct ResNetStage;
template <class Blocks, int In, int Channels, Reach At, int... Rest>
struct ResNetStage<Blocks, In, Channels, At, std::integer_sequence<int, Rest...>> {
  static constexpr int out = Channels * Blocks::expansion;
  using model =
      Sequential<typename Blocks::template Block<In, Channels, At.stride, At.first_dilation>,
                 typename Blocks::template Block<out, Channels, 1 + 0 * Rest, At.dilation>...>;
};

/// A ResNet: {3, H, W} to its head's output. `Stride` is the backbone's.
template <class Blocks, int Width, class HeadLayer, int Blocks1, int Blocks2, int Blocks3,
          int Blocks4, OutputStride Stride = OutputStride{}>
struct ResNet {
  static_assert(Stride.value == 8 || Stride.value == 16 || Stride.value == 32,
                "frostline: a ResNet's OutputStride is 8, 16 or 32");
  static constexpr int wide = Blocks::expansion * Width;
  static constexpr Reach first{}, second = first.next(false),
                                  third = second.next(Stride.value <= 8),
                                  fourth = third.next(Stride.value <= 16);
  template <int In, int Channels, Reach At, int Count>
  using Stage = ResNetStage<Blocks, In, Channels, At, std::make_integer_sequence<int, Count - 1>>;
  using model =
      Module<Named<"conv1", Conv2d<3, Width, 7, 2, 3, 1, 1, false>>,
             Named<"bn1", BatchNorm2d<Width>>, Named<"relu", ReLU>,
             Named<"maxpool", MaxPool2d<3, 2, 1>>,
             Named<"layer1", Stage<Width, Width, first, Blocks1>>,
             Named<"layer2", Stage<wide, 2 * Width, second, Blocks2>>,
             Named<"layer3", Stage<2 * wide, 4 * Width, third, Blocks3>>,
             Named<"layer4", Stage<4 * wide, 8 * Width, fourth, Blocks4>>, Head<HeadLayer>>;
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
template <int Width = 64, class HeadLayer = ClassifierHead<32 * Width, 1000>,
          OutputStride Stride = OutputStride{}>
struct ResNet50 : detail::ResNet<detail::Bottlenecks<>, Width, HeadLayer, 3, 4, 6, 3, Stride> {};

/// ResNet-101; width 64 is torchvision's. Shapes: {3, H, W} to the head's output.
template <int Width = 64, class HeadLayer = ClassifierHead<32 * Width, 1000>,
          OutputStride Stride = OutputStride{}>
struct ResNet101 : detail::ResNet<detail::Bottlenecks<>, Width, HeadLayer, 3, 4, 23, 3, Stride> {};

/// ResNeXt-50 32x4d: a ResNet-50 whose 3x3 convolutions have twice the channels, in 32 groups;
/// width 64 is torchvision's. Shapes: {3, H, W} to the head's output.
/// Source: Xie et al. 2016, https://arxiv.org/abs/1611.05431
template <int Width = 64, class HeadLayer = ClassifierHead<32 * Width, 1000>,
          OutputStride Stride = OutputStride{}>
struct ResNeXt50
    : detail::ResNet<detail::Bottlenecks<32, 4>, Width, HeadLayer, 3, 4, 6, 3, Stride> {};

/// Wide ResNet-50-2: a ResNet-50 whose 3x3 convolutions have twice the channels; width 64 is
/// torchvision's. Shapes: {3, H, W} to the head's output.
/// Source: Zagoruyko and Komodakis 2016, https://arxiv.org/abs/1605.07146
template <int Width = 64, class HeadLayer = ClassifierHead<32 * Width, 1000>,
          OutputStride Stride = OutputStride{}>
struct WideResNet50
    : detail::ResNet<detail::Bottlenecks<1, 128>, Width, HeadLayer, 3, 4, 6, 3, Stride> {};

}  // namespace frostline
