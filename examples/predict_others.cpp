// SPDX-License-Identifier: MIT
// MobileNetV2 and ConvNeXt-Tiny of predict. Another size, another line.
#include <frostline/models/convnext.hpp>
#include <frostline/models/mobilenet_v2.hpp>

#include "support/compiled_model.hpp"

namespace fl = frostline;

std::vector<examples::CompiledModel> examples::other_models() {
  using MobileHead = fl::DropoutHead<1280, fl::AtMost<1000>>;
  using ConvNeXtHead = fl::ConvNeXtHead<768, fl::AtMost<1000>>;
  return {compiled_model<fl::MobileNetV2<100, MobileHead>, 224>("mobilenet_v2"),
          compiled_model<fl::ConvNeXtTiny<96, ConvNeXtHead>, 224>("convnext_tiny", 236)};
}
