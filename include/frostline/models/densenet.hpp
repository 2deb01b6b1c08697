// SPDX-License-Identifier: MIT
// DenseNet-121, with the names of torchvision's.
#pragma once

#include <utility>

#include "frostline/layers/avg_pool2d.hpp"
#include "frostline/layers/max_pool2d.hpp"
#include "frostline/models/heads.hpp"

namespace frostline {
namespace detail {

/// "denselayer1" to "denselayer99".
template <int Number>
inline constexpr auto dense_layer_name = [] {
  static_assert(Number > 0 && Number < 100);
  char text[Number < 10 ? 12 : 13]{'d', 'e', 'n', 's', 'e', 'l', 'a', 'y', 'e', 'r'};
  if (Number >= 10) text[10] = char('0' + Number / 10);
  text[Number < 10 ? 10 : 11] = char('0' + Number % 10);
  return FixedString(text);
}();

/// A 1x1 convolution to four times `Growth` channels and a 3x3 one to `Growth`, each after its
/// norm. Shapes: {In, H, W} to {Growth, H, W}.
template <int In, int Growth>
using DenseLayer = Module<Named<"norm1", BatchNorm2d<In>>, Named<"relu1", ReLU>,
                          Named<"conv1", Conv2d<In, 4 * Growth, 1, 1, 0, 1, 1, false>>,
                          Named<"norm2", BatchNorm2d<4 * Growth>>, Named<"relu2", ReLU>,
                          Named<"conv2", Conv2d<4 * Growth, Growth, 3, 1, 1, 1, 1, false>>>;

/// Layers of which each reads the block's input and the outputs of all layers before it.
/// Shapes: {In, H, W} to {In + Growth * layers, H, W}.
template <int In, int Growth, class Layers>
struct DenseBlock;
template <int In, int Growth, int... I>
struct DenseBlock<In, Growth, std::integer_sequence<int, I...>> {
  using model = Module<
      Concat<Identity, Named<dense_layer_name<I + 1>, DenseLayer<In + I * Growth, Growth>>>...>;
};

/// A 1x1 convolution to half of the channels, and the mean of each 2x2 pixels.
/// Shapes: {In, H, W} to {In / 2, H / 2, W / 2}, rounded down.
template <int In>
using DenseTransition =
    Module<Named<"norm", BatchNorm2d<In>>, Named<"relu", ReLU>,
           Named<"conv", Conv2d<In, In / 2, 1, 1, 0, 1, 1, false>>, Named<"pool", AvgPool2d<2>>>;

/// DenseNet: {3, H, W} to the head's output. Stem: the channels of the first convolution.
template <int Growth, int Stem, class HeadLayer, int Layers1, int Layers2, int Layers3, int Layers4>
struct DenseNet {
  template <int In, int Layers>
  using Block = DenseBlock<In, Growth, std::make_integer_sequence<int, Layers>>;
  static constexpr int out1 = Stem + Growth * Layers1, out2 = out1 / 2 + Growth * Layers2,
                       out3 = out2 / 2 + Growth * Layers3, out4 = out3 / 2 + Growth * Layers4;
  using features = Module<
      Named<"conv0", Conv2d<3, Stem, 7, 2, 3, 1, 1, false>>, Named<"norm0", BatchNorm2d<Stem>>,
      Named<"relu0", ReLU>, Named<"pool0", MaxPool2d<3, 2, 1>>,
      Named<"denseblock1", Block<Stem, Layers1>>, Named<"transition1", DenseTransition<out1>>,
      Named<"denseblock2", Block<out1 / 2, Layers2>>, Named<"transition2", DenseTransition<out2>>,
      Named<"denseblock3", Block<out2 / 2, Layers3>>, Named<"transition3", DenseTransition<out3>>,
      Named<"denseblock4", Block<out3 / 2, Layers4>>, Named<"norm5", BatchNorm2d<out4>>>;
  using model = Module<Named<"features", features>, Named<"relu", ReLU>, Head<HeadLayer>>;
};

}  // namespace detail

/// Global average pooling and one linear layer, `classifier`: DenseNet's head. Shapes: {In, H, W}
/// to {Classes, 1, 1}. The number of classes is a constant, or AtMost<Bound>.
template <int In, auto Classes>
struct DenseNetHead {
  using linear = detail::GivesClasses<Classes, Linear<In, detail::most_of(Classes)>>;
  using model = Module<Named<"avgpool", GlobalAveragePool>, Named<"classifier", linear>>;
};

/// DenseNet-121. Shapes: {3, H, W} to the head's output; the backbone's stride is 32, and it gives
/// 1024 channels. torchvision's published file has older keys (`denselayer1.norm.1`), which
/// torchvision renames while it reads them: save its model's `state_dict()` and load that.
/// Source: https://pytorch.org/vision/stable/models/densenet.html (Huang et al. 2016)
template <class HeadLayer = DenseNetHead<1024, 1000>>
struct DenseNet121 : detail::DenseNet<32, 64, HeadLayer, 6, 12, 24, 16> {};

}  // namespace frostline
