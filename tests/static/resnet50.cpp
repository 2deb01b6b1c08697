// SPDX-License-Identifier: MIT
// ResNet-50, forward and backward, is planned within every compiler's default limits.
#include "../support/internals.hpp"
#include "frostline/graph/compiled.hpp"
#include "frostline/models/resnet.hpp"

namespace frostline::test::resnet50_test {

using Image = Input<3, 224, 224>;
static_assert(parameter_count<ResNet50<>, Image>() == 25'557'032);  // torchvision's
static_assert(multiply_adds<ResNet50<>, Image>() == 4'089'184'256);
static_assert(planned<ResNet50<>, Image>.per_sample.saved > 80'000'000);
static_assert(planned<ResNet50<>, Image>.per_sample.bytes >=
              planned<ResNet50<>, Image>.per_sample.saved);

// No two slots whose lives overlap share a byte.
constexpr bool apart(const Slot& a, const Slot& b) {
  return !a.used() || !b.used() || a.last < b.first || b.last < a.first ||
         a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset;
}
template <int Part>  // one constant per part, because of the compilers' limits
constexpr bool all_apart = [] {
  constexpr const auto& plan = planned<ResNet50<>, Image>;
  constexpr int size = traced<ResNet50<>, Image>.size;
  for (int i = Part * size / 8; i < (Part + 1) * size / 8; ++i)
    for (int j = 0; j < size; ++j)
      if ((i != j && !apart(plan.activations[i], plan.activations[j])) ||
          !apart(plan.activations[i], plan.gradients[j]) ||
          (i != j && !apart(plan.gradients[i], plan.gradients[j])) ||
          !apart(plan.activations[i], plan.saved[j]) || !apart(plan.gradients[i], plan.saved[j]))
        return false;
  return true;
}();
static_assert(all_apart<0> && all_apart<1> && all_apart<2> && all_apart<3>);
static_assert(all_apart<4> && all_apart<5> && all_apart<6> && all_apart<7>);

}  // namespace frostline::test::resnet50_test
