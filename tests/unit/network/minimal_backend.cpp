// SPDX-License-Identifier: MIT
// A network on the smallest backend gives the CPU backend's results.
#include "static/minimal_backend.hpp"

#include "frostline/backend/cpu.hpp"
#include "frostline/network/to_backend.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/random.hpp"
#include "support/relative_error.hpp"

namespace frostline::test::minimal_backend_test {

TEST_CASE("a network on the smallest backend predicts and differentiates as on the CPU") {
  using Model = Sequential<Frozen<Linear<6, 9>>, ReLU, Linear<9, 5>, ReLU, Linear<5, 3>>;
  using In = Input<6, 1, 1>;
  Network<Model, In> fast{max_batch(4), seed(random_engine()())};
  auto small = to<minimal_backend>(fast);
  const auto images = random_floats(4 * 6), slopes = random_floats(4 * 3);
  REQUIRE(relative_error(small.predict(images), fast.predict(images)) < 1e-5);
  for (const bool accumulate : {false, true}) {
    const auto run = [&](auto& network) {
      network.forward(images, true);
      std::ranges::copy(slopes, network.output_gradient().begin());
      network.backward(accumulate);
      return network.gradients();
    };
    REQUIRE(relative_error(run(small), run(fast)) < 1e-5);
  }
  static_assert(decltype(small)::feature_shape == Shape{9, 1, 1});
  REQUIRE(relative_error(small.features(images), fast.features(images)) < 1e-5);
}

}  // namespace frostline::test::minimal_backend_test
