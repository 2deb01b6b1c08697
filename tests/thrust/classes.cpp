// SPDX-License-Identifier: MIT
// AtMost with Thrust, and moved between the backends.
#include "frostline/backend/cpu.hpp"
#include "frostline/network/to_backend.hpp"
#include "frostline/thrust.hpp"
#include "support/bounded.hpp"
#include "support/internals.hpp"

namespace frostline::test::classes_test {

TEST_CASE("with Thrust, a classifier for AtMost<N> classes equals one for its number") {
  compare_bounded<thrust_backend, HeadAlone, Classifier, 100, 37>(other_order);
  compare_bounded<thrust_backend, AllOf, Classifier, 50, 7>(other_order);
}

TEST_CASE("with Thrust, a dense head for AtMost<N> classes equals one for its number") {
  compare_bounded<thrust_backend, HeadAlone, Dense, 21, 5>(other_order);
}

TEST_CASE("a network for AtMost<N> classes moves to another backend, and back") {
  using Model = HeadAlone<Classifier<AtMost<100>>>;
  Network<Model, BoundedImage> network{max_batch(4), classes(37), seed(random_engine()())};
  const std::vector<float> images = random_floats(4 * BoundedImage::shape.size());
  const std::vector<int> labels = random_labels(4, 37);
  auto moved = to<thrust_backend>(network);
  CHECK(moved.output_shape == Shape{37, 1, 1});
  require_same_weights(moved, network, 0);
  require_near(moved.predict(images), network.predict(images), 1e-4f);
  Trainer there{moved, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  there.step(images, labels);
  const auto back = to<cpu>(moved);
  CHECK(back.output_shape == Shape{37, 1, 1});
  require_same_weights(back, moved, 0);
  REQUIRE(saved_bytes_of(back) == saved_bytes_of(moved));
}

}  // namespace frostline::test::classes_test
