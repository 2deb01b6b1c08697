// SPDX-License-Identifier: MIT
// NaN and infinities in the Thrust backend, without files of results.
#include "frostline/thrust.hpp"
#include "support/special_values.hpp"

namespace frostline::test::special_test {

TEST_CASE("a dropped infinity becomes NaN, and sums and copies pass on NaN and infinity") {
  constexpr Situation place{.in = {17, 3, 5}};
  check_special_dropout<thrust_backend, place>();
  check_special_passage<thrust_backend, Add, place>();
  check_special_passage<thrust_backend, Flatten, place>();
}

TEST_CASE("gates that are not finite change only their channels, with Thrust") {
  check_special_gates<thrust_backend, Situation{.in = {17, 3, 5}}>();
}

TEST_CASE("NaN and infinity pass through fused layers as through single ones") {
  check_special_fused<thrust_backend, SpecialBlocks<1>, Input<3, 9, 41>>(20, true);
  check_special_fused<thrust_backend, SpecialBlocks<2>, Input<3, 9, 41>>(12, true);
  check_special_fused<thrust_backend, SpecialColumns, Input<3, 9, 41>>(20, true);
  check_special_fused<thrust_backend, SpecialEntrance, Input<3, 29, 61>>(8, true);
}

TEST_CASE("a momentum of 0 ignores an earlier momentum buffer") {
  check_idle_momentum<thrust_backend>();
}

TEST_CASE("a NaN pixel makes the loss NaN") { check_special_training<thrust_backend>(); }

}  // namespace frostline::test::special_test
