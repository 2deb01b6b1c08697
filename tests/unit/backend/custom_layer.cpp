// SPDX-License-Identifier: MIT
// The user's layer of examples/custom_layer passes the same checks as ours.
#include "../../../examples/support/swish.hpp"

#include "frostline/core/model.hpp"
#include "frostline/network/network.hpp"
#include "frostline/program/summary.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "support/check_layer.hpp"

namespace frostline::test::custom_layer_test {
namespace {

using examples::Swish;

TEST_CASE("a user's own layer has its slopes as gradients") {
  const LayerCheck curved{.step = 1e-2f, .tolerance = 1e-2};
  check_layer<cpu, Swish<3>, 3, 5, 4>(3, curved);
  check_layer<cpu, Swish<17>, 17, 1, 1>(2, curved);
  check_layer<cpu, Swish<5>, 5, 7, 9, Situation{.frozen = true}>(1, curved);
}

TEST_CASE("a user's own layer is initialised, named, counted and frozen like any other") {
  using Model = Sequential<Conv2d<3, 4, 3>, Named<"swish", Swish<4>>>;
  using Image = Input<3, 8, 8>;
  STATIC_REQUIRE(trainable_count<Model, Image>() == 3 * 4 * 9 + 4 + 4);
  STATIC_REQUIRE(trainable_count<Freeze<Model>, Image>() == 0);
  Network<Model, Image> network{max_batch(1)};
  REQUIRE(network.values("swish.beta") == std::vector<float>(4, 1.0f));
  REQUIRE(summary(network).find("swish") != std::string::npos);
}

}  // namespace
}  // namespace frostline::test::custom_layer_test
