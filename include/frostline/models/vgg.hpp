// SPDX-License-Identifier: MIT
// VGG-16 with batch norm, with the names of torchvision's.
#pragma once

#include "frostline/core/kernel.hpp"
#include "frostline/layers/flatten.hpp"
#include "frostline/layers/max_pool2d.hpp"
#include "frostline/models/heads.hpp"

namespace frostline {
namespace detail {

/// Flatten of images of one height and width; others are a compile error that names both sizes.
template <int Height, int Width>
struct FlattenOf : Flatten {
  static constexpr bool accepts(Shape in) { return in.height == Height && in.width == Width; }
};

}  // namespace detail

/// Computed as Flatten.
template <class Backend, int Height, int Width>
struct Kernel<Backend, detail::FlattenOf<Height, Width>> : Kernel<Backend, Flatten> {};

/// Three linear layers, `classifier.0`, `.3` and `.6`. The features must be 7x7, which is what
/// images of 224x224 give: torchvision's AdaptiveAvgPool2d(7) then changes nothing, and images of
/// another size are a compile error here. Shapes: {In, 7, 7} to {Classes, 1, 1}. The number of
/// classes is a constant, or AtMost<Bound>.
template <int In, auto Classes, int Hidden = 4096, Probability Drop = Probability{0.5f}>
struct VggHead {
  using last = detail::GivesClasses<Classes, Linear<Hidden, detail::most_of(Classes)>>;
  using model =
      Module<Named<"avgpool", detail::FlattenOf<7, 7>>,
             Named<"classifier", Sequential<Linear<In * 7 * 7, Hidden>, ReLU, Dropout<Drop>,
                                            Linear<Hidden, Hidden>, ReLU, Dropout<Drop>, last>>>;
};

/// VGG-16 with batch norm; width 64 is torchvision's. Shapes: {3, H, W} to the head's output; the
/// backbone's stride is 32. The default head requires images of 224x224; ClassifierHead takes any.
/// Source: https://pytorch.org/vision/stable/models/vgg.html (Simonyan and Zisserman 2014)
template <int Width = 64, class HeadLayer = VggHead<8 * Width, 1000>>
struct Vgg16BatchNorm {
  template <int In, int Out>
  using Conv = Conv2d<In, Out, 3, 1, 1>;
  static constexpr int width2 = 2 * Width, width4 = 4 * Width, width8 = 8 * Width;
  using features = Sequential<
      Conv<3, Width>, BatchNorm2d<Width>, ReLU, Conv<Width, Width>, BatchNorm2d<Width>, ReLU,
      MaxPool2d<2>,  //
      Conv<Width, width2>, BatchNorm2d<width2>, ReLU, Conv<width2, width2>, BatchNorm2d<width2>,
      ReLU, MaxPool2d<2>,  //
      Conv<width2, width4>, BatchNorm2d<width4>, ReLU, Conv<width4, width4>, BatchNorm2d<width4>,
      ReLU, Conv<width4, width4>, BatchNorm2d<width4>, ReLU, MaxPool2d<2>,  //
      Conv<width4, width8>, BatchNorm2d<width8>, ReLU, Conv<width8, width8>, BatchNorm2d<width8>,
      ReLU, Conv<width8, width8>, BatchNorm2d<width8>, ReLU, MaxPool2d<2>,  //
      Conv<width8, width8>, BatchNorm2d<width8>, ReLU, Conv<width8, width8>, BatchNorm2d<width8>,
      ReLU, Conv<width8, width8>, BatchNorm2d<width8>, ReLU, MaxPool2d<2>>;
  using model = Module<Named<"features", features>, Head<HeadLayer>>;
};

}  // namespace frostline
