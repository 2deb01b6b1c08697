// SPDX-License-Identifier: MIT
// Every operation of the Thrust backend against PyTorch's results in tests/golden.
#include "frostline/thrust.hpp"  // first: it must bring what it needs

#include "support/golden_cases.hpp"
#include "support/golden_network.hpp"

namespace frostline::test::golden_test {
namespace {

using backend = thrust_backend;

}  // namespace

TEST_CASE("layers compute what PyTorch's do") { check_golden_layers<backend>(); }
TEST_CASE("a network with squeeze-and-excitation trains as PyTorch's") {
  check_squeeze_excitation<backend>();
}
TEST_CASE("losses and optimizer steps are PyTorch's") {
  check_golden_losses<backend>();
  check_golden_steps<backend>();
  check_golden_clipping<backend>();
}
TEST_CASE("special values pass through convolutions as through PyTorch's") {
  check_special<backend, Conv2d<2, 3, 3, 1, 1>, 2, 8, 8>("conv2d.same");
  check_special<backend, Conv2d<2, 3, 3, 2, 1>, 2, 8, 8>("conv2d.strided");
  check_special<backend, Conv2d<3, 2, 1, 2, 0, 1, 1, false>, 3, 4, 4>("conv2d.shortcut");
  check_special<backend, Conv2d<3, 2, 7, 2, 3, 1, 1, false>, 3, 9, 8>("conv2d.stem");
  check_special<backend, Conv2d<4, 2, 3, 1, 2, 2, 2>, 4, 5, 4>("conv2d.grouped");
}
TEST_CASE("special values pass through all other layers as through PyTorch's") {
  check_special_layers<backend>();
}
TEST_CASE("special logits, parameters and gradients have PyTorch's losses and steps") {
  check_special_losses<backend>();
  check_special_steps<backend>();
}

}  // namespace frostline::test::golden_test
