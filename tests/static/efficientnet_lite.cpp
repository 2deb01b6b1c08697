// SPDX-License-Identifier: MIT
// EfficientNet-Lite0, forward and backward, is planned within every compiler's default limits; the
// deeper and wider ones have the reference's sizes.
#include "frostline/models/efficientnet_lite.hpp"

#include "../support/internals.hpp"
#include "frostline/graph/compiled.hpp"
#include "frostline/rewrite/frozen.hpp"

namespace frostline::test::efficientnet_lite_test {

using Image = Input<3, 224, 224>;
static_assert(parameter_count<EfficientNetLite0<>, Image>() == 4'652'008);  // the reference's
static_assert(parameter_count<EfficientNetLite1<>, Image>() == 5'416'680);
static_assert(parameter_count<EfficientNetLite2<>, Image>() == 6'092'072);
static_assert(planned<EfficientNetLite0<>, Image>.per_sample.saved > 50'000'000);

// Frozen, only convolutions, the pooling, the dropout and the linear layer remain.
using Frozen0 = Freeze<EfficientNetLite0<>>;
constexpr int remaining = [] {
  int count = 0;
  for (const Node& node : compiled<Frozen0, Image>)
    count += node.layer != no_node && node.absorbed_by == no_node;
  return count;
}();
static_assert(remaining == 1 + 2 + 15 * 3 + 1 + 3);

}  // namespace frostline::test::efficientnet_lite_test
