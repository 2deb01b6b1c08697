// SPDX-License-Identifier: MIT
// The EfficientNet-Lites of predict. Another size, another line.
#include <frostline/models/efficientnet_lite.hpp>

#include "support/compiled_model.hpp"

namespace fl = frostline;

std::vector<examples::CompiledModel> examples::efficientnet_lites() {
  using Head = fl::LiteHead<1280, fl::AtMost<1000>>;
  return {compiled_model<fl::EfficientNetLite0<Head>, 224>("efficientnet_lite0"),
          compiled_model<fl::EfficientNetLite1<Head>, 240>("efficientnet_lite1"),
          compiled_model<fl::EfficientNetLite2<Head>, 260>("efficientnet_lite2")};
}
