// SPDX-License-Identifier: MIT
// Heads: layers that classify an image, or each pixel, from a backbone's features.
#pragma once

#include "frostline/core/model.hpp"
#include "frostline/layers/batch_norm2d.hpp"
#include "frostline/layers/conv2d.hpp"
#include "frostline/layers/dropout.hpp"
#include "frostline/layers/global_average_pool.hpp"
#include "frostline/layers/linear.hpp"
#include "frostline/layers/relu.hpp"
#include "frostline/layers/upsample.hpp"

namespace frostline {

/// Global average pooling and one linear layer, `fc`. Shapes: {In, H, W} to {Classes, 1, 1}.
/// The number of classes is a constant, or AtMost<Bound>.
template <int In, auto Classes>
struct ClassifierHead {
  using fc = detail::GivesClasses<Classes, Linear<In, detail::most_of(Classes)>>;
  using model = Module<Named<"avgpool", GlobalAveragePool>, Named<"fc", fc>>;
};

/// Global average pooling, dropout and one linear layer, `classifier.1`: the head of torchvision's
/// MobileNetV2 and EfficientNets. Shapes: {In, H, W} to {Classes, 1, 1}. The number of classes is a
/// constant, or AtMost<Bound>.
template <int In, auto Classes, Probability Drop = Probability{0.2f}>
struct DropoutHead {
  using linear = detail::GivesClasses<Classes, Linear<In, detail::most_of(Classes)>>;
  using model = Module<Named<"avgpool", GlobalAveragePool>,
                       Named<"classifier", Sequential<Dropout<Drop>, linear>>>;
};

}  // namespace frostline

namespace frostline::detail {

/// torchvision's FCNHead: logits for each pixel of the features.
/// Shapes: {In, H, W} to {Classes, H, W}.
template <int In, auto Classes>
struct FcnBranch {
  static_assert(In % 4 == 0, "frostline: FcnHead requires a number of channels that 4 divides");
  using last = GivesClasses<Classes, Conv2d<In / 4, most_of(Classes), 1>>;
  using model = Sequential<Conv2d<In, In / 4, 3, 1, 1, 1, 1, false>, BatchNorm2d<In / 4>, ReLU,
                           Dropout<Probability{0.1f}>, last>;
};

}  // namespace frostline::detail

namespace frostline {

/// torchvision's FCNHead, then upsampling to the size of the network's input. torchvision's
/// `fcn_resnet50` is ResNet50<64, AuxiliaryFcnHead<2048, 21>, OutputStride{8}>: with another stride
/// its file loads, too, but the outputs are not its.
/// Shapes: {In, H, W} to {Classes, input height, input width}. The number of classes is a constant,
/// or AtMost<Bound>.
/// Source: https://pytorch.org/vision/stable/models/fcn.html (Long et al. 2015)
template <int In, auto Classes>
struct FcnHead {
  using model =
      Module<Named<"classifier", detail::FcnBranch<In, Classes>>, Named<"upsample", Upsample<>>>;
};

/// FcnHead and torchvision's auxiliary classifier (`aux_loss=True`), which reads the output of the
/// earlier stage `Stage`; in training, its loss is added with a factor of 0.5.
/// Shapes: as FcnHead; `Stage` gives AuxiliaryIn channels.
template <int In, int Classes, int AuxiliaryIn = In / 2, detail::FixedString Stage = "layer3">
struct AuxiliaryFcnHead {
  using model = Module<
      FcnHead<In, Classes>,
      Auxiliary<Stage, Module<Named<"aux_classifier", detail::FcnBranch<AuxiliaryIn, Classes>>,
                              Named<"aux_upsample", Upsample<>>>>>;
};

}  // namespace frostline
