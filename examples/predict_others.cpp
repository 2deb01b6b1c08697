// SPDX-License-Identifier: MIT
// MobileNetV2 and V3, EfficientNet-B0, ConvNeXt-Tiny, ViT-B/16 and ViT-S/14 of predict. Another
// size, another line.
#include <frostline/models/convnext.hpp>
#include <frostline/models/efficientnet.hpp>
#include <frostline/models/mobilenet_v2.hpp>
#include <frostline/models/mobilenet_v3.hpp>
#include <frostline/models/vit.hpp>
#include <frostline/models/vit_s_14.hpp>

#include "support/compiled_model.hpp"

namespace fl = frostline;

std::vector<examples::CompiledModel> examples::other_models() {
  using Head576 = fl::ClassifierHead<576, fl::AtMost<1000>>;  // as finetune gives it
  using Head960 = fl::ClassifierHead<960, fl::AtMost<1000>>;
  using DropoutHead = fl::DropoutHead<1280, fl::AtMost<1000>>;
  using VitHead = fl::VisionTransformerHead<768, fl::AtMost<1000>>;
  using ConvNeXtHead = fl::ConvNeXtHead<768, fl::AtMost<1000>>;
  return {compiled_model<fl::MobileNetV2<100, DropoutHead>, 224>("mobilenet_v2"),
          compiled_model<fl::MobileNetV3Large<Head960>, 224>("mobilenet_v3_large"),
          compiled_model<fl::MobileNetV3Small<Head576>, 224>("mobilenet_v3_small"),
          compiled_model<fl::ConvNeXtTiny<96, ConvNeXtHead>, 224>("convnext_tiny", 236),
          compiled_model<fl::EfficientNetB0<DropoutHead>, 224>("efficientnet_b0"),
          compiled_model<fl::ViTB16<768, VitHead>, 224>("vit_b_16"),
          compiled_model<fl::ViTS14<384, fl::ClassTokenHead<384, fl::AtMost<1000>>, 224>, 224>(
              "vit_s_14")};
}
