// SPDX-License-Identifier: MIT
// DeepLabHead: atrous spatial pyramid pooling, torchvision's DeepLabV3.
#pragma once

#include "frostline/models/conv_norm_activation.hpp"
#include "frostline/models/heads.hpp"

namespace frostline {

/// The dilations of a DeepLabHead's three 3x3 convolutions. Units: pixels of the features. Rates
/// that reach beyond the features see zeros there: features of 8x8 want far smaller ones than
/// torchvision's, which are for backbones of stride 8.
struct AtrousRates {
  int first = 12, second = 24, third = 36;
};

}  // namespace frostline

namespace frostline::detail {

/// Five views of the features, joined and mixed by a 1x1 convolution: each pixel, its neighbours at
/// three distances, and the mean of the image, which takes the size of the branch at `FirstBranch`,
/// the path of the first. Shapes: {In, H, W} to {Width, H, W}.
/// Source: torchvision/models/segmentation/deeplabv3.py, ASPP
template <int In, int Width, AtrousRates Rates, Probability Drop, FixedString FirstBranch>
struct AtrousPyramid {
  template <int Rate>
  using Atrous =
      Sequential<Conv2d<In, Width, 3, 1, Rate, Rate, 1, false>, BatchNorm2d<Width>, ReLU>;
  using pixel = ConvNormActivation<In, Width, 1, 1, 1, ReLU>;
  using mean = Sequential<GlobalAveragePool, Conv2d<In, Width, 1, 1, 0, 1, 1, false>,
                          BatchNorm2d<Width>, ReLU, UpsampleTo<FirstBranch>>;
  using model = Module<Named<"convs", Concat<pixel, Atrous<Rates.first>, Atrous<Rates.second>,
                                             Atrous<Rates.third>, mean>>,
                       Named<"project", Sequential<Conv2d<5 * Width, Width, 1, 1, 0, 1, 1, false>,
                                                   BatchNorm2d<Width>, ReLU, Dropout<Drop>>>>;
};

}  // namespace frostline::detail

namespace frostline {

/// torchvision's DeepLabHead, then upsampling to the size of the network's input. The model of
/// torchvision's `deeplabv3_resnet50` is ResNet50<64, DeepLabHead<2048, 21>, OutputStride{8}>: with
/// another stride its file loads, too, but the outputs are not its.
/// Shapes: {In, H, W} to {Classes, input height, input width}. The number of classes is a constant,
/// or AtMost<Bound>.
/// Source: https://pytorch.org/vision/stable/models/deeplabv3.html (Chen et al. 2017,
/// https://arxiv.org/abs/1706.05587)
template <int In, auto Classes, AtrousRates Rates = AtrousRates{}, int Width = 256>
struct DeepLabHead {
  using pyramid =
      detail::AtrousPyramid<In, Width, Rates, Probability{0.5f}, "classifier.0.convs.0">;
  using last = detail::GivesClasses<Classes, Conv2d<Width, detail::most_of(Classes), 1>>;
  using model =
      Module<Named<"classifier", Sequential<pyramid, Conv2d<Width, Width, 3, 1, 1, 1, 1, false>,
                                            BatchNorm2d<Width>, ReLU, last>>,
             Named<"upsample", Upsample<>>>;
};

}  // namespace frostline
