// SPDX-License-Identifier: MIT
// Errors of a training step with Thrust, also for a loss that is not finite.
#include "frostline/thrust.hpp"
#include "support/golden_training.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/snapshot.hpp"
#include "support/training_cases.hpp"

namespace frostline::test::steps_test {
namespace {

using Features = Sequential<Linear<6, 4>, BatchNorm2d<4>, Linear<4, 3>>;

struct Setup {
  Network<Features, Input<6, 1, 1>, thrust_backend> network{max_batch(4), seed(random_engine()())};
  Trainer<decltype(network), CrossEntropy, Sgd> trainer{network, CrossEntropy{}, Sgd{}};
  std::vector<float> samples = random_floats(4 * 6);
  std::vector<int> labels{0, 1, 2, 1};
};

}  // namespace

TEST_CASE("a step with Thrust is refused before anything changes") {
  Setup s;
  const auto before = snapshot(s.network);
  REQUIRE_ERROR(s.trainer.step(std::span(s.samples).first(6), std::span(s.labels).first(1)),
                "'1' requires more than one value per channel");
  s.trainer.optimizer.learning_rate = std::numeric_limits<float>::infinity();
  REQUIRE_ERROR(s.trainer.step(s.samples, s.labels), "finite and at least 0");
  REQUIRE(snapshot(s.network) == before);
}

TEST_CASE("backward with Thrust requires a forward with training just before it") {
  Setup s;
  constexpr auto words = "backward requires a forward with training just before it";
  REQUIRE_ERROR(s.network.backward(), words);
  for (int step = 0; step < 3; ++step) {  // a step that is recorded, and then repeated
    s.trainer.step(s.samples, s.labels);
    REQUIRE_ERROR(s.network.backward(), words);
  }
  s.network.forward(s.samples, true);
  s.network.backward();
  s.network.forward(s.samples, true);
  s.network.predict(s.samples);
  REQUIRE_ERROR(s.network.backward(), words);
}

TEST_CASE("a network with Thrust that shares parameters sees each training step at once") {
  Setup s;
  auto evaluation = s.network.with_batch(max_batch(7));
  const auto more = random_floats(7 * 6);
  const auto copy = [](std::span<const float> x) { return std::vector(x.begin(), x.end()); };
  std::vector<float> last;
  for (int step = 0; step < 4; ++step) {  // steps that are recorded, and then repeated
    s.trainer.step(s.samples, s.labels);
    const auto all = copy(evaluation.predict(more));
    REQUIRE(all != last);
    last = all;
    const auto four = std::span(more).first(4 * 6);
    const auto shared = copy(evaluation.predict(four));
    REQUIRE(shared == copy(s.network.predict(four)));
    REQUIRE(shared == copy(to<thrust_backend>(s.network).predict(four)));
    REQUIRE(snapshot(evaluation) == snapshot(s.network));
  }
  evaluation.forward(s.samples, true);
  s.trainer.step(s.samples, s.labels);
  REQUIRE_ERROR(evaluation.backward(), "backward requires a forward with training just before it");
}

TEST_CASE("a loss with Thrust that is not finite stops the training and names the layer") {
  Setup s;
  for (int step = 0; step < 3; ++step) s.trainer.step(s.samples, s.labels);
  const auto before = snapshot(s.network);
  s.samples[13] = std::numeric_limits<float>::quiet_NaN();
  REQUIRE_ERROR(s.trainer.step(s.samples, s.labels),
                "the loss is not a number in training step 4: sample 2 of");
  REQUIRE(snapshot(s.network) == before);
  std::vector<float> bias = before.at("2.bias");
  bias[1] = std::numeric_limits<float>::quiet_NaN();
  Setup other;
  other.network.write(other.network.tensor("2.bias"), std::span<const float>(bias));
  REQUIRE_ERROR(
      other.trainer.step(other.samples, other.labels),
      "the first layer whose output is not finite is '2'; '2.bias' is not finite and was not");
}

TEST_CASE("an ignored sample that is not finite does not reach the weights with Thrust") {
  Network<Linear<6, 3>, Input<6, 1, 1>, thrust_backend> network{max_batch(4)};
  Trainer trainer{network, CrossEntropy{}, Sgd{.momentum = 0.9f}};
  auto samples = random_floats(4 * 6);
  const std::vector<int> labels{0, 1, -100, 1};
  for (int step = 0; step < 3; ++step) trainer.step(samples, labels);
  const auto before = snapshot(network);
  samples[13] = std::numeric_limits<float>::quiet_NaN();
  REQUIRE_ERROR(trainer.step(samples, labels), "logits of ignored labels are not finite");
  REQUIRE(snapshot(network) == before);
}

TEST_CASE("batches that are accumulated with Thrust make the update of one large batch") {
  check_accumulates<thrust_backend>();
}

TEST_CASE("a step with Thrust is accumulate and update, bit for bit") {
  check_step_is_both<thrust_backend>(Sgd{.learning_rate = 0.1f, .momentum = 0.9f});
  check_step_is_both<thrust_backend>(AdamW{}, ClipNorm{0.1f});
  check_step_is_both<thrust_backend>(Averaged{AdamW{}, 0.5f});
}

TEST_CASE("ten steps with Thrust, with decay, clipping and accumulation, are PyTorch's") {
  check_golden_trainings<thrust_backend>();
}

TEST_CASE("accumulate and update with Thrust change nothing if they refuse") {
  check_refused_accumulate<thrust_backend>();
  check_infinite_gradients<thrust_backend>();
}

TEST_CASE("clipping with Thrust limits the update") { check_clipped_training<thrust_backend>(); }

TEST_CASE("an optimizer's states with Thrust are named tensors") {
  check_states<thrust_backend>();
  check_states_move<thrust_backend>(RMSprop{.momentum = 0.9f}, 2);
  check_states_move<thrust_backend>(Lion{}, 1);
}

}  // namespace frostline::test::steps_test
