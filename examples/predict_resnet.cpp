// SPDX-License-Identifier: MIT
// The ResNets of predict: torchvision's with ResNeXt-50, and finetune's of width 16. Another size,
// another line.
#include <frostline/models/resnet.hpp>

#include "support/compiled_model.hpp"

namespace fl = frostline;

std::vector<examples::CompiledModel> examples::resnets() {
  using Head = fl::ClassifierHead<512, fl::AtMost<1000>>;
  using WideHead = fl::ClassifierHead<2048, fl::AtMost<1000>>;
  using NarrowHead = fl::ClassifierHead<128, fl::AtMost<1000>>;
  return {compiled_model<fl::ResNet18<64, Head>, 224>("resnet18"),
          compiled_model<fl::ResNet34<64, Head>, 224>("resnet34"),
          compiled_model<fl::ResNet50<64, WideHead>, 224>("resnet50"),
          compiled_model<fl::ResNet101<64, WideHead>, 224>("resnet101"),
          compiled_model<fl::ResNeXt50<64, WideHead>, 224>("resnext50_32x4d"),
          compiled_model<fl::ResNet18<16, NarrowHead>, 96>("resnet18_w16", 96)};
}
