// SPDX-License-Identifier: MIT
// The networks that --model names. CMake makes a program finetune-NAME of each line "using NAME =".
#pragma once

#include <string_view>

#include "frostline/models/convnext.hpp"
#include "frostline/models/efficientnet.hpp"
#include "frostline/models/efficientnet_lite.hpp"
#include "frostline/models/mobilenet_v2.hpp"
#include "frostline/models/mobilenet_v3.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/models/vit.hpp"
#include "frostline/models/vit_s_14.hpp"
#include "frostline/rewrite/fixed_statistics.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"
#include "frostline/rewrite/unfreeze.hpp"

namespace examples {

namespace fl = frostline;

/// A network: its type for any head, its head for any number of classes, the size of its pictures,
/// and the layers of its last stage with those after it, of which the last one gives the classes.
template <template <class> class Net, template <auto> class Head, int Size,
          fl::detail::FixedString... LastStage>
struct Choice {
  static constexpr int size = Size;
  static constexpr std::string_view linear() {
    const std::string_view names[]{LastStage...};
    return names[sizeof...(LastStage) - 1];
  }
  // The type says which layers train. As many classes as a folder has, up to 1000; the head of the
  // pretrained network is replaced, so that its number of classes does not matter.
  using NewHead = Head<fl::AtMost<1000>>;
  using HeadOnly = fl::ReplaceHead<fl::Freeze<Net<Head<1000>>>, NewHead>;
  using LastStageAndHead = fl::FixedStatistics<fl::Unfreeze<HeadOnly, LastStage...>>;
  using Everything = fl::ReplaceHead<Net<Head<1000>>, NewHead>;
};

template <class Head>
using ResNet18Width16 = fl::ResNet18<16, Head>;
template <class Head>
using ResNet18Width64 = fl::ResNet18<64, Head>;
template <class Head>
using ResNet34Width64 = fl::ResNet34<64, Head>;
template <class Head>
using ConvNeXtWidth96 = fl::ConvNeXtTiny<96, Head>;
template <class Head>
using ResNet50Width64 = fl::ResNet50<64, Head>;
template <class Head>
using ResNet101Width64 = fl::ResNet101<64, Head>;
template <class Head>
using ResNeXt50Width64 = fl::ResNeXt50<64, Head>;
template <class Head>
using MobileNetV2Width100 = fl::MobileNetV2<100, Head>;
template <class Head>
using EfficientNetB0 = fl::EfficientNetB0<Head>;
// A vision transformer is made for one size of pictures, the program's. load_pretrained resizes the
// position embeddings of a file for others.
#ifdef FROSTLINE_SIZE
constexpr int vit_size = FROSTLINE_SIZE;
#else
constexpr int vit_size = 224;
#endif
template <class Head>
using ViTB16Width768 = fl::ViTB16<768, Head, vit_size>;
template <class Head>
using ViTS14Width384 = fl::ViTS14<384, Head, vit_size>;
template <auto Classes>
using Linear128 = fl::ClassifierHead<128, Classes>;
template <auto Classes>
using Linear512 = fl::ClassifierHead<512, Classes>;
/// MobileNetV3's own head has a hidden layer, which a new head would not train from ImageNet's.
template <auto Classes>
using Linear576 = fl::ClassifierHead<576, Classes>;
template <auto Classes>
using Linear960 = fl::ClassifierHead<960, Classes>;
template <auto Classes>
using Linear2048 = fl::ClassifierHead<2048, Classes>;
template <auto Classes>
using DropoutLinear1280 = fl::DropoutHead<1280, Classes>;
template <auto Classes>
using Linear1280 = fl::LiteHead<1280, Classes>;
template <auto Classes>
using Linear1280Drop3 = fl::LiteHead<1280, Classes, fl::Probability{0.3f}>;
template <auto Classes>
using ClassToken768 = fl::VisionTransformerHead<768, Classes>;
template <auto Classes>
using ClassToken384 = fl::ClassTokenHead<384, Classes>;
/// ConvNeXtHead whose norm does not train: the linear layer can do what its weight and bias do, and
/// reads the features of a probe.
template <auto Classes>
using Linear768 = fl::Unfreeze<fl::Freeze<fl::ConvNeXtHead<768, Classes>>, "classifier.2">;

// clang-format off
namespace models {
using convnext_tiny = Choice<ConvNeXtWidth96, Linear768, 224, "features.7", "classifier.2">;
using efficientnet_b0 = Choice<EfficientNetB0, DropoutLinear1280, 224, "features.6", "features.7", "features.8", "classifier.1">;
using efficientnet_lite0 = Choice<fl::EfficientNetLite0, Linear1280, 224, "_blocks.11", "_blocks.12", "_blocks.13", "_blocks.14", "_blocks.15", "_conv_head", "_bn1", "_fc">;
using efficientnet_lite1 = Choice<fl::EfficientNetLite1, Linear1280, 240, "_blocks.15", "_blocks.16", "_blocks.17", "_blocks.18", "_blocks.19", "_blocks.20", "_conv_head", "_bn1", "_fc">;
using efficientnet_lite2 = Choice<fl::EfficientNetLite2, Linear1280Drop3, 260, "_blocks.15", "_blocks.16", "_blocks.17", "_blocks.18", "_blocks.19", "_blocks.20", "_conv_head", "_bn1", "_fc">;
using mobilenet_v2 = Choice<MobileNetV2Width100, DropoutLinear1280, 224, "features.14", "features.15", "features.16", "features.17", "features.18", "classifier.1">;
using mobilenet_v3_large = Choice<fl::MobileNetV3Large, Linear960, 224, "features.13", "features.14", "features.15", "features.16", "fc">;
using mobilenet_v3_small = Choice<fl::MobileNetV3Small, Linear576, 224, "features.9", "features.10", "features.11", "features.12", "fc">;
using resnet18 = Choice<ResNet18Width64, Linear512, 224, "layer4", "fc">;
using resnet34 = Choice<ResNet34Width64, Linear512, 224, "layer4", "fc">;
using resnet50 = Choice<ResNet50Width64, Linear2048, 224, "layer4", "fc">;
using resnet101 = Choice<ResNet101Width64, Linear2048, 224, "layer4", "fc">;
using resnext50_32x4d = Choice<ResNeXt50Width64, Linear2048, 224, "layer4", "fc">;
using resnet18_w16 = Choice<ResNet18Width16, Linear128, 96, "layer4", "fc">;
using vit_b_16 = Choice<ViTB16Width768, ClassToken768, 224, "encoder.layers.encoder_layer_11", "encoder.ln", "heads.head">;
using vit_s_14 = Choice<ViTS14Width384, ClassToken384, 224, "blocks.11", "norm", "head">;
}  // namespace models
// clang-format on

}  // namespace examples
