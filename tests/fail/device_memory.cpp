// SPDX-License-Identifier: MIT
// prints: frostline: the host cannot index a device's memory; copy what you need
#include <frostline/frostline.hpp>
namespace fl = frostline;
struct device : fl::cpu {
  static constexpr bool in_host_memory = false;
};
float first(fl::SpanOf<device, float> parameters) { return parameters[0]; }
