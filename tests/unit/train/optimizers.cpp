// SPDX-License-Identifier: MIT
// Optimizers, transforms of gradients and their states in a trainer on the CPU.
#include "frostline/frostline.hpp"
#include "frostline/optimizers/adam.hpp"
#include "frostline/optimizers/lion.hpp"
#include "frostline/optimizers/rmsprop.hpp"
#include "support/golden_training.hpp"
#include "support/internals.hpp"
#include "support/training_cases.hpp"

namespace frostline::test::optimizers_test {
namespace {

TEST_CASE("accumulated batches make the update of one large batch") { check_accumulates<cpu>(); }

TEST_CASE("a step is accumulate and update, bit for bit") {
  check_step_is_both<cpu>(Sgd{.learning_rate = 0.1f});
  check_step_is_both<cpu>(
      Sgd{.learning_rate = 0.1f, .momentum = 0.9f, .weight_decay = 0.01f, .nesterov = true});
  check_step_is_both<cpu>(AdamW{.learning_rate = 0.01f});
  check_step_is_both<cpu>(AdamW{}, ClipNorm{0.1f});
  check_step_is_both<cpu>(Lion{.learning_rate = 0.01f, .weight_decay = 0.1f});
}

TEST_CASE("ten steps of optimizers with decay, clipping and accumulation are PyTorch's") {
  check_golden_trainings<cpu>();
}

TEST_CASE("a refused accumulate changes nothing, and update requires an accumulate") {
  check_refused_accumulate<cpu>();
}

TEST_CASE("clipping limits the update, and changes no bit if there is nothing to clip") {
  check_clipped_training<cpu>();
  static_assert(sizeof(Trainer<Network<Plain, Picture>, CrossEntropy, Sgd>) <
                sizeof(Trainer<Network<Plain, Picture>, CrossEntropy, Sgd, ClipNorm>));
}

TEST_CASE("gradients whose norm is not finite are refused before anything changes") {
  check_infinite_gradients<cpu>();
}

TEST_CASE("an optimizer's states are named tensors, with which another trainer continues") {
  check_states<cpu>();
  check_states_move<cpu>(Adam{.weight_decay = 0.1f}, 2);
  check_states_move<cpu>(RMSprop{.momentum = 0.9f}, 2);
  check_states_move<cpu>(Lion{}, 1);
}

TEST_CASE("AdamW's first update moves each parameter by the learning rate") {
  const Samples samples;
  TrainingSetup<Plain, cpu, AdamW> setup{1, AdamW{.learning_rate = 1e-3f, .weight_decay = 0}};
  const Snapshot before = snapshot(setup.network);
  setup.trainer.step(samples.numbers, samples.labels);
  for (const auto& [key, values] : snapshot(setup.network)) {
    std::size_t moved = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
      moved += std::abs(std::abs(values[i] - before.at(key)[i]) - 1e-3f) < 1e-5f;
    INFO(key);
    CHECK(moved > values.size() / 2);  // the others' gradients are about as small as epsilon
  }
}

TEST_CASE("settings of AdamW and ClipNorm that make no sense are refused before anything changes") {
  const float infinity = std::numeric_limits<float>::infinity();
  const Samples samples;
  TrainingSetup<Plain, cpu, AdamW, ClipNorm> setup{1, AdamW{}, ClipNorm{}};
  const Snapshot before = snapshot(setup.network);
  const auto refused = [&](const AdamW& wrong, const ClipNorm& clip, std::string_view words) {
    setup.trainer.optimizer = wrong;
    std::get<0>(setup.trainer.transforms) = clip;
    REQUIRE_ERROR(setup.trainer.step(samples.numbers, samples.labels), words);
    REQUIRE_ERROR((Trainer{setup.network, CrossEntropy{}, wrong, clip}), words);
  };
  for (const float wrong : {-1e-3f, infinity, std::numeric_limits<float>::quiet_NaN()}) {
    refused({.learning_rate = wrong}, {}, "a learning rate and a weight decay that are finite");
    refused({.weight_decay = wrong}, {}, "a learning rate and a weight decay that are finite");
    refused({.betas = {double(wrong), 0.9}}, {}, "betas of at least 0 and below 1");
    refused({.epsilon = wrong}, {}, "an epsilon that is finite and above 0");
    refused({}, {wrong}, "ClipNorm requires a norm that is finite and above 0");
  }
  refused({.betas = {0.9, 1}}, {}, "betas of at least 0 and below 1, got 0.9 and 1");
  refused({.epsilon = 0}, {}, "an epsilon that is finite and above 0, got 0");
  refused({}, {0}, "finite and above 0, got 0");
  REQUIRE(same_bits(snapshot(setup.network), before));
}

TEST_CASE("Lion leaves a parameter as it is that has never had a gradient") {
  for (const float gradient : {0.0f, -0.0f, 1.0f}) {
    Element<float, 1> x{.parameter = 2, .gradient = gradient, .states = {0}};
    Lion{.learning_rate = 0.5f}.at(1)(x);
    REQUIRE(x.parameter == (gradient > 0 ? 1.5f : 2));
  }
}

TEST_CASE("settings of Adam, RMSprop and Lion that make no sense are refused") {
  const float infinity = std::numeric_limits<float>::infinity();
  const auto refused = [&](const auto& wrong, std::string_view words) {
    REQUIRE_ERROR(wrong.check(), words);
  };
  for (const float wrong : {-1e-3f, infinity, std::numeric_limits<float>::quiet_NaN()}) {
    refused(Adam{.learning_rate = wrong}, "Adam requires a learning rate and a weight decay that");
    refused(Adam{.betas = {0.9, double(wrong)}}, "Adam requires betas of at least 0 and below 1");
    refused(Adam{.epsilon = wrong}, "Adam requires an epsilon that is finite and above 0");
    const auto finite = "RMSprop requires a learning rate, a momentum and a weight decay that";
    refused(RMSprop{.learning_rate = wrong}, finite);
    refused(RMSprop{.momentum = wrong}, finite);
    refused(RMSprop{.weight_decay = wrong}, finite);
    refused(RMSprop{.alpha = double(wrong)}, "RMSprop requires an alpha of at least 0 and below 1");
    refused(RMSprop{.epsilon = wrong}, "RMSprop requires an epsilon that is finite and above 0");
    refused(Lion{.learning_rate = wrong}, "Lion requires a learning rate and a weight decay that");
    refused(Lion{.weight_decay = wrong}, "Lion requires a learning rate and a weight decay that");
    refused(Lion{.betas = {double(wrong), 0.9}}, "Lion requires betas of at least 0 and below 1");
  }
  refused(RMSprop{.alpha = 1}, "below 1, got 1");
  refused(RMSprop{.epsilon = 0}, "above 0, got 0");
  refused(Lion{.betas = {0.9, 1}}, "below 1, got 0.9 and 1");
}

/// As a user would write it: only for floats, and without states.
struct SignSgd {
  float learning_rate = 1e-3f;

  static constexpr std::array<std::string_view, 0> states{};
  void check() const {
    if (!(learning_rate >= 0)) throw Error("SignSgd requires a learning rate of at least 0");
  }
  void operator()(Element<float, 0>& x) const {
    const int sign = (x.gradient > 0) - (x.gradient < 0);
    x.parameter -= learning_rate * float(sign);
  }
};
/// With a state, in vectors.
struct Average {
  static constexpr std::array<std::string_view, 1> states{"average"};
  void check() const {}
  template <class Number>
  void operator()(Element<Number, 1>& x) const {
    x.states[0] = 0.5f * (x.states[0] + x.gradient);
    x.parameter -= x.states[0];
  }
};

TEST_CASE("a user's own optimizer trains") {
  const Samples samples;
  TrainingSetup<Normed, cpu, SignSgd> setup{1, SignSgd{0.25f}};
  const Snapshot before = snapshot(setup.network);
  setup.trainer.step(samples.numbers, samples.labels);
  const auto after = setup.network.values("3.fc.weight");
  for (std::size_t i = 0; i < after.size(); ++i)
    CHECK(std::abs(std::abs(after[i] - before.at("3.fc.weight")[i]) - 0.25f) < 1e-6f);
  REQUIRE(setup.trainer.states().empty());
  setup.trainer.optimizer.learning_rate = -1;
  REQUIRE_ERROR(setup.trainer.step(samples.numbers, samples.labels), "SignSgd requires");

  TrainingSetup<Plain, cpu, Average, ClipNorm> other{1, Average{}, ClipNorm{}};
  other.trainer.step(samples.numbers, samples.labels);
  REQUIRE(other.trainer.states().size() == 6);
  std::vector<float> average(4);
  other.trainer.read_state("average.4.fc.bias", average);
  for (const float one : average) CHECK(one != 0);
}

static_assert(IsOptimizer<Sgd> && IsOptimizer<AdamW> && IsOptimizer<SignSgd> && IsOptimizer<Adam> &&
              IsOptimizer<RMSprop> && IsOptimizer<Lion> && !IsOptimizer<ClipNorm>);

/// The weights that train, one after the other.
template <class Net>
std::vector<float> trained(const Net& network) {
  std::vector<float> all;
  for (const NamedTensor& tensor : network.tensors())
    if (tensor.trains) {
      const std::vector<float> values = network.values(tensor.key);
      all.insert(all.end(), values.begin(), values.end());
    }
  return all;
}
template <class AnyTrainer>
std::vector<float> averages(AnyTrainer& trainer) {
  std::vector<float> all;
  for (const NamedTensor& state : trainer.states())
    if (state.key.starts_with("average.")) {
      std::vector<float> values(state.size);
      trainer.read_state(state.key, values);
      all.insert(all.end(), values.begin(), values.end());
    }
  return all;
}

/// Trains with and without an average: the same weights bit for bit, and timm's average of them.
template <class Optimizer>
void check_averaged(const Optimizer& optimizer, float decay) {
  const Samples samples;
  TrainingSetup<Normed, cpu, Optimizer> plain{1, optimizer};
  TrainingSetup<Normed, cpu, Averaged<Optimizer>> setup{1, Averaged{optimizer, decay}};
  std::vector<float> expected = trained(setup.network);
  for (int step = 1; step <= 12; ++step) {
    plain.trainer.step(samples.numbers, samples.labels);
    setup.trainer.step(samples.numbers, samples.labels);
    REQUIRE(same_bits(snapshot(setup.network), snapshot(plain.network)));
    // ModelEmaV3.get_decay with warmup_gamma = warmup_power = 1, and Tensor.lerp_.
    const double kept = std::min(double(decay), 1 - 1 / double(step));
    const std::vector<float> weights = trained(setup.network);
    for (std::size_t i = 0; i < weights.size(); ++i)
      expected[i] += float(1 - kept) * (weights[i] - expected[i]);
    const std::vector<float> found = averages(setup.trainer);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i)  // a compiler may fuse the product and the sum
      REQUIRE(std::abs(found[i] - expected[i]) <= 3e-7f * (1 + std::abs(expected[i])));
  }
}

TEST_CASE("an average of the weights is timm's, and changes no bit of the training") {
  for (const float decay : {0.0f, 0.8f, 1.0f}) {
    check_averaged(Sgd{.learning_rate = 0.1f}, decay);
    check_averaged(Sgd{.learning_rate = 0.1f, .momentum = 0.9f, .nesterov = true}, decay);
    check_averaged(AdamW{.learning_rate = 0.01f}, decay);
    check_averaged(SignSgd{0.01f}, decay);
  }
}

TEST_CASE("with a decay of 1 the average is the mean of all weights after updates") {
  const Samples samples;
  TrainingSetup<Plain, cpu, Averaged<Sgd>> setup{1, Averaged{Sgd{.learning_rate = 0.1f}, 1.0f}};
  std::vector<double> sum(trained(setup.network).size());
  for (int step = 1; step <= 10; ++step) {
    setup.trainer.step(samples.numbers, samples.labels);
    const std::vector<float> weights = trained(setup.network);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += double(weights[i]);
  }
  const std::vector<float> found = averages(setup.trainer);
  for (std::size_t i = 0; i < sum.size(); ++i)
    REQUIRE(std::abs(double(found[i]) - sum[i] / 10) < 1e-6);
}

TEST_CASE("the averaged weights are the network's while they are evaluated, and then on request") {
  const Samples samples;
  TrainingSetup<Normed, cpu, Averaged<Sgd>> setup{1, Averaged{Sgd{.learning_rate = 0.1f}, 0.9f}};
  REQUIRE_ERROR(setup.trainer.use_average(), "there is no average of the weights before");
  REQUIRE_ERROR(setup.trainer.with_average([] {}), "there is no average of the weights before");
  for (int step = 0; step < 3; ++step) setup.trainer.step(samples.numbers, samples.labels);
  const Snapshot last = snapshot(setup.network);
  const std::vector<float> average = averages(setup.trainer);
  const Evaluation before = setup.trainer.evaluate(samples.numbers, samples.labels);
  double averaged = 0;
  setup.trainer.with_average([&] {
    REQUIRE(trained(setup.network) == average);
    averaged = setup.trainer.evaluate(samples.numbers, samples.labels).loss();
  });
  CHECK(averaged != before.loss());
  REQUIRE(same_bits(snapshot(setup.network), last));
  REQUIRE(averages(setup.trainer) == average);
  CHECK(setup.trainer.evaluate(samples.numbers, samples.labels).loss() == before.loss());

  REQUIRE_ERROR(setup.trainer.with_average([] { throw Error("from the action"); }),
                "from the action");
  REQUIRE(same_bits(snapshot(setup.network), last));
  setup.trainer.accumulate(samples.numbers, samples.labels);
  REQUIRE_ERROR(setup.trainer.use_average(), "between accumulate and update");
  setup.trainer.discard();
  REQUIRE(averages(setup.trainer) == average);

  setup.trainer.with_average([&] {  // accumulate has changed the running statistics
    averaged = setup.trainer.evaluate(samples.numbers, samples.labels).loss();
  });
  setup.trainer.use_average();
  REQUIRE(trained(setup.network) == average);
  CHECK(setup.trainer.evaluate(samples.numbers, samples.labels).loss() == averaged);
  REQUIRE_ERROR(
      setup.trainer.with_average([&] { setup.trainer.step(samples.numbers, samples.labels); }),
      "the averaged weights were trained");
}

TEST_CASE("a decay that makes no sense is refused, as are the averaged optimizer's settings") {
  const Samples samples;
  TrainingSetup<Plain, cpu, Averaged<Sgd>> setup{1, Averaged{Sgd{}, 0.9f}};
  for (const float wrong : {-0.1f, 1.1f, std::numeric_limits<float>::quiet_NaN()}) {
    setup.trainer.optimizer.decay = wrong;
    REQUIRE_ERROR(setup.trainer.step(samples.numbers, samples.labels), "a decay from 0 to 1");
  }
  setup.trainer.optimizer = Averaged{Sgd{.learning_rate = -1}, 0.9f};
  REQUIRE_ERROR(setup.trainer.step(samples.numbers, samples.labels), "Sgd requires");
}

static_assert(IsOptimizer<Averaged<Sgd>> && IsOptimizer<Averaged<AdamW>> &&
              IsOptimizer<Averaged<SignSgd>>);
static_assert(GradientTransformFor<ClipNorm, cpu> && !GradientTransformFor<Sgd, cpu>);

}  // namespace
}  // namespace frostline::test::optimizers_test
