// SPDX-License-Identifier: MIT
// Models with Thrust in which only single parameters, biases or norms train.
#include "frostline/thrust.hpp"
#include "support/check_partly_trained.hpp"
#include "support/internals.hpp"

namespace frostline::test::partly_trained_test {

TEST_CASE("with Thrust, parameters that train alone get the updates of the whole network",
          "[slow]") {
  SECTION("a convolution's bias") { check_unfrozen<thrust_backend, "2.0.bias">(); }
  SECTION("a convolution's weight") { check_unfrozen<thrust_backend, "4.weight">(); }
  SECTION("a linear layer's bias") { check_unfrozen<thrust_backend, "8.bias">(); }
  SECTION("a linear layer's weight") { check_unfrozen<thrust_backend, "8.weight">(); }
  SECTION("a batch norm's bias") { check_unfrozen<thrust_backend, "1.bias">(); }
  SECTION("a batch norm's weight") { check_unfrozen<thrust_backend, "1.weight">(); }
  SECTION("both of a batch norm") { check_unfrozen<thrust_backend, "6.weight", "6.bias">(); }
  SECTION("a batch norm's bias by batch statistics") {
    check_unfrozen_by_batch<thrust_backend, "1.bias">();
  }
  SECTION("a batch norm's weight by batch statistics, of two") {
    check_unfrozen_by_batch<thrust_backend, "1.weight", "6.weight">();
  }
  SECTION("biases") { check_partly_trained<thrust_backend, TrainOnly<Smooth, Biases>>(); }
  SECTION("norms") { check_partly_trained<thrust_backend, TrainOnly<Smooth, Norms>>(); }
}

}  // namespace frostline::test::partly_trained_test
