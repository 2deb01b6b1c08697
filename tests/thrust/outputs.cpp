// SPDX-License-Identifier: MIT
// Auxiliary outputs with Thrust: five steps as on the CPU, recorded ones too, and their guard.
#include "frostline/backend/cpu.hpp"
#include "frostline/network/to_backend.hpp"
#include "frostline/thrust.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/snapshot.hpp"

namespace frostline::test::outputs_test {

TEST_CASE("networks with two outputs train with Thrust as on the CPU") {
  using In = Input<6, 1, 1>;
  using Model = Module<Named<"begin", Sequential<Linear<6, 8>, ReLU>>, Named<"end", Linear<8, 3>>,
                       Auxiliary<"begin", Named<"aux", Linear<8, 3>>, LossWeight{0.3f}>>;
  Network<Model, In> here{max_batch(4), seed(random_engine()())};
  auto there = to<thrust_backend>(here);
  const auto samples = random_floats(4 * 6);
  const std::vector<int> labels{0, 2, 1, 2};
  Trainer one{here, CrossEntropy{}, Sgd{.learning_rate = 0.1f, .momentum = 0.9f}};
  Trainer other{there, CrossEntropy{}, Sgd{.learning_rate = 0.1f, .momentum = 0.9f}};
  for (int step = 0; step < 5; ++step) {
    const float expected = one.step(samples, labels), found = other.step(samples, labels);
    REQUIRE(std::abs(found - expected) <= 1e-5f * expected);
  }
  for (const auto& [key, values] : snapshot(here)) {
    const auto found = there.values(key);
    for (std::size_t i = 0; i < values.size(); ++i)
      REQUIRE(std::abs(found[i] - values[i]) <= 1e-5f * (1 + std::abs(values[i])));
  }
  auto bias = there.values("aux.bias");
  bias[2] = std::numeric_limits<float>::infinity();
  there.write(there.tensor("aux.bias"), std::span<const float>(bias));
  const auto before = snapshot(there);
  REQUIRE_ERROR(other.step(samples, labels), "'aux'");
  REQUIRE(snapshot(there) == before);
}

}  // namespace frostline::test::outputs_test
