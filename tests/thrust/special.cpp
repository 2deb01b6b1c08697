// SPDX-License-Identifier: MIT
// Not-a-number and infinities in the Thrust backend, where no file holds results.
#include "frostline/thrust.hpp"
#include "support/special_values.hpp"

namespace frostline::test::special_test {

TEST_CASE("a dropped infinity is not a number, and sums and copies hand on what is not finite") {
  constexpr Situation place{.in = {17, 3, 5}};
  check_special_dropout<thrust_backend, place>();
  check_special_passage<thrust_backend, Add, place>();
  check_special_passage<thrust_backend, Flatten, place>();
}

TEST_CASE("what is not finite passes through fused layers as through single ones") {
  check_special_fused<thrust_backend, SpecialBlocks<1>, Input<3, 9, 41>>(20, true);
  check_special_fused<thrust_backend, SpecialBlocks<2>, Input<3, 9, 41>>(12, true);
  check_special_fused<thrust_backend, SpecialColumns, Input<3, 9, 41>>(20, true);
  check_special_fused<thrust_backend, SpecialEntrance, Input<3, 29, 61>>(8, true);
}

TEST_CASE("a momentum of 0 passes over what an earlier one left") {
  check_idle_momentum<thrust_backend>();
}

TEST_CASE("a pixel that is not a number shows in the loss") {
  check_special_training<thrust_backend>();
}

}  // namespace frostline::test::special_test
