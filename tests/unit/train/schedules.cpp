// SPDX-License-Identifier: MIT
// Schedules of the learning rate against those of PyTorch, and settings that make no sense.
#include "frostline/train/schedules.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "frostline/io/weights/safetensors.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"

namespace frostline::test::schedules_test {
namespace {

std::vector<float> golden(const std::string& key) {
  static const StateDict file =
      read_safetensors(std::filesystem::path(FROSTLINE_GOLDEN_DIR) / "schedules.safetensors");
  INFO("schedules.safetensors has " << key);
  REQUIRE(file.tensors.count(key) == 1);
  const StoredTensor& stored = file.tensors.at(key);
  std::vector<float> numbers(stored.size());
  stored.copy_to(std::span(numbers));
  return numbers;
}
/// rate(step) is PyTorch's to 1e-6 in each of 200 steps.
template <class Rate>
void check(const std::string& key, const Rate& rate) {
  const std::vector<float> wanted = golden(key);
  REQUIRE(wanted.size() == 200);
  double worst = 0;
  for (int step = 0; step < 200; ++step) {
    const auto found = double(rate(step)), expected = double(wanted[std::size_t(step)]);
    INFO(key << ", step " << step << ": " << found << ", PyTorch's " << expected);
    if (expected == 0) REQUIRE(found == 0);
    if (expected != 0) worst = std::max(worst, std::abs(found / expected - 1));
    REQUIRE(worst < 1e-6);
  }
}
void check_one_cycle(const std::string& key, const OneCycleSchedule& schedule) {
  check(key, schedule);
  check(key + ".momentum", [&](int step) { return schedule.momentum(step); });
}

TEST_CASE("schedules have the learning rates of PyTorch's") {
  check("constant", ConstantSchedule{.peak = 0.1f, .factor = 0.25, .steps = 70});
  check("step", StepSchedule{.peak = 0.1f, .step_size = 30, .gamma = 0.3});
  check("step.default_gamma", StepSchedule{.peak = 0.1f, .step_size = 60});
  check("multi_step", MultiStepSchedule{.peak = 0.1f, .milestones = {50, 120, 121}, .gamma = 0.2});
  check("multi_step.twice",
        MultiStepSchedule{.peak = 0.1f, .milestones = {0, 90, 20, 90}, .gamma = 0.5});
  check("exponential", ExponentialSchedule{.peak = 0.1f, .gamma = 0.97});
  check("polynomial", PolynomialSchedule{.peak = 0.1f, .steps = 200, .power = 0.9});
  check("polynomial.line", PolynomialSchedule{.peak = 0.1f, .steps = 150});
  check("polynomial.square", PolynomialSchedule{.peak = 0.1f, .steps = 199, .power = 2});
  check("cosine", CosineSchedule{.peak = 0.1f, .steps = 200});
  REQUIRE(CosineSchedule{.peak = 0.1f, .steps = 50}(60) == 0);  // PyTorch's would rise again
  check("restarts", CosineRestartsSchedule{.peak = 0.1f, .period = 33});
  check("restarts.longer",
        CosineRestartsSchedule{.peak = 0.1f, .period = 20, .period_factor = 2, .minimum = 1e-3f});
  check("restarts.thrice", CosineRestartsSchedule{.peak = 0.1f, .period = 7, .period_factor = 3});
}

TEST_CASE("one cycle has the learning rates and momenta of PyTorch's") {
  check_one_cycle("one_cycle", {.peak = 0.1f, .steps = 200});
  check_one_cycle("one_cycle.linear",
                  {.peak = 0.1f,
                   .steps = 200,
                   .pct_start = 0.1234,
                   .anneal_strategy = OneCycleSchedule::AnnealStrategy::linear});
  check_one_cycle("one_cycle.three_phase", {.peak = 0.1f,
                                            .steps = 200,
                                            .pct_start = 0.4,
                                            .base_momentum = 0.8,
                                            .max_momentum = 0.9,
                                            .div_factor = 10,
                                            .final_div_factor = 100,
                                            .three_phase = true});
  check_one_cycle("one_cycle.falls", {.peak = 0.1f, .steps = 200, .pct_start = 0});
  check_one_cycle("one_cycle.rises", {.peak = 0.1f, .steps = 200, .pct_start = 1});
  const OneCycleSchedule short_rise{.peak = 0.1f, .steps = 4, .pct_start = 0.25};
  REQUIRE(short_rise(0) == 0.1f);  // PyTorch divides by 0
  REQUIRE(short_rise(3) == short_rise(1000));
}

TEST_CASE("a warm-up goes before any schedule, and steps may be epochs") {
  const StepSchedule steps{.peak = 0.1f, .step_size = 30, .gamma = 0.3};
  check("warm.step", Warmup{25, steps});
  check("warm.exponential", Warmup{10, ExponentialSchedule{.peak = 0.1f, .gamma = 0.97}});
  check("warm.cosine", Warmup{20, CosineSchedule{.peak = 0.1f, .steps = 180}});
  check("warm.cosine", CosineSchedule{.peak = 0.1f, .warmup_steps = 20, .steps = 200});
  check("by_epoch.step", ByEpoch{16, StepSchedule{.peak = 0.1f, .step_size = 3}});
  check("by_epoch.exponential", ByEpoch{7, ExponentialSchedule{.peak = 0.1f, .gamma = 0.9}});
  const Warmup both{3, ByEpoch{16, steps}};
  for (int step = 3; step < 100; ++step) REQUIRE(both(step) == steps((step - 3) / 16));
  REQUIRE(Warmup{0, steps}(0) == steps(0));
  PlateauSchedule plateau{.peak = 0.3f, .patience = 0};
  const std::function<float(int)> warm = Warmup{2, std::ref(plateau)};
  plateau.observe(1);
  plateau.observe(2);
  REQUIRE(std::abs(warm(2) - 0.03f) < 1e-8f);
  REQUIRE(warm(0) == warm(2) / 2);
}

void check_plateau(const std::string& key, PlateauSchedule plateau, bool of_accuracy = false) {
  const std::vector<float> metrics = golden("plateau.metrics");
  PlateauSchedule other;
  check(key, [&](int step) {
    // Half way another object goes on from the state.
    if (step == 100) {
      other = plateau;
      other.state = {};
      other.state = std::exchange(plateau.state, {});
    }
    PlateauSchedule& now = step < 100 ? plateau : other;
    const float rate = now(step);
    const float metric = metrics[std::size_t(step)];
    now.observe(double(of_accuracy ? 1 - metric : metric));
    return rate;
  });
}
TEST_CASE("a plateau has the learning rates of PyTorch's") {
  using Mode = PlateauSchedule::Mode;
  using ThresholdMode = PlateauSchedule::ThresholdMode;
  check_plateau("plateau", {.peak = 0.1f});
  check_plateau("plateau.impatient", {.peak = 0.1f, .factor = 0.5, .patience = 2, .cooldown = 4});
  check_plateau("plateau.absolute", {.peak = 0.1f,
                                     .factor = 0.7,
                                     .patience = 3,
                                     .threshold = 0.01,
                                     .threshold_mode = ThresholdMode::absolute,
                                     .minimum = 1e-3f});
  check_plateau("plateau.max",
                {.peak = 0.1f, .mode = Mode::max, .factor = 0.6, .patience = 5, .threshold = 0.05},
                true);
  check_plateau("plateau.max_absolute",
                {.peak = 0.1f,
                 .mode = Mode::max,
                 .factor = 0.6,
                 .patience = 0,
                 .threshold = 0.1,
                 .threshold_mode = ThresholdMode::absolute,
                 .cooldown = 9,
                 .epsilon = 1e-3},
                true);
}

TEST_CASE("settings of schedules that make no sense are errors") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float peak : {-0.1f, infinity, nan}) {
    const auto words = "requires a peak that is finite and at least 0";
    REQUIRE_ERROR((ConstantSchedule{.peak = peak}(0)), words);
    REQUIRE_ERROR((StepSchedule{.peak = peak, .step_size = 1}(0)), words);
    REQUIRE_ERROR((MultiStepSchedule{.peak = peak}(0)), words);
    REQUIRE_ERROR((ExponentialSchedule{.peak = peak}(0)), words);
    REQUIRE_ERROR((PolynomialSchedule{.peak = peak, .steps = 1}(0)), words);
    REQUIRE_ERROR((CosineRestartsSchedule{.peak = peak, .period = 1}(0)), words);
    REQUIRE_ERROR((OneCycleSchedule{.peak = peak, .steps = 1}(0)), words);
    REQUIRE_ERROR((PlateauSchedule{.peak = peak}(0)), words);
  }
  REQUIRE_ERROR(ExponentialSchedule{}(-1),
                "ExponentialSchedule requires a peak that is finite and "
                "at least 0, and steps counted from 0, got 0.01 and step -1");
  for (const double gamma : {0.0, 1.5, double(nan)}) {
    REQUIRE_ERROR((StepSchedule{.step_size = 1, .gamma = gamma}(0)),
                  "StepSchedule requires a gamma above 0 and of at most 1");
    REQUIRE_ERROR((MultiStepSchedule{.gamma = gamma}(0)), "MultiStepSchedule requires a gamma");
    REQUIRE_ERROR((ExponentialSchedule{.gamma = gamma}(0)), "ExponentialSchedule requires a gamma");
    REQUIRE_ERROR((ConstantSchedule{.factor = gamma}(0)), "a factor above 0 and of at most 1");
  }
  REQUIRE_ERROR((ConstantSchedule{.steps = -1}(0)), "at least 0 steps, got 1 and -1");
  REQUIRE_ERROR(StepSchedule{}(0), "a step_size of at least 1, got 0");
  REQUIRE_ERROR((MultiStepSchedule{.milestones = {3, -4}}(0)), "at least 0, got -4");
  REQUIRE_ERROR(PolynomialSchedule{}(0),
                "at least one step and a power that is finite and above 0");
  REQUIRE_ERROR((PolynomialSchedule{.steps = 2, .power = double(infinity)}(0)), "got 2 and inf");
  REQUIRE_ERROR(CosineRestartsSchedule{}(0), "a period and a period_factor of at least 1");
  REQUIRE_ERROR((CosineRestartsSchedule{.period = 2, .period_factor = 0}(0)), "got 2, 0 and 0");
  REQUIRE_ERROR((CosineRestartsSchedule{.peak = 1, .period = 2, .minimum = 2}(0)),
                "got 2, 1 and 2");
  REQUIRE_ERROR((Warmup{-1, StepSchedule{}}(0)), "Warmup requires at least 0 steps");
  REQUIRE_ERROR((Warmup{2, StepSchedule{.step_size = 1}}(-1)), "got 2 and step -1");
  REQUIRE_ERROR((ByEpoch{0, StepSchedule{}}(0)), "ByEpoch requires at least one step per epoch");
  REQUIRE_ERROR((ByEpoch{2, StepSchedule{.step_size = 1}}(-1)), "got 2 and step -1");
}

TEST_CASE("settings of one cycle and of a plateau that make no sense are errors") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  using Cycle = OneCycleSchedule;
  REQUIRE_ERROR(Cycle{}(0), "OneCycleSchedule requires at least one step");
  REQUIRE_ERROR(Cycle{.steps = 9}(-1), "step -1");
  REQUIRE_ERROR((Cycle{.steps = 9, .pct_start = 1.5}(0)), "a pct_start from 0 to 1, got 9 and 1.5");
  REQUIRE_ERROR((Cycle{.steps = 9, .pct_start = 0.6, .three_phase = true}(0)), "from 0 to 0.5");
  for (const double wrong : {0.5, nan, double(std::numeric_limits<float>::infinity())}) {
    REQUIRE_ERROR((Cycle{.steps = 9, .div_factor = wrong}(0)), "finite and at least 1");
    REQUIRE_ERROR((Cycle{.steps = 9, .final_div_factor = wrong}(0)), "finite and at least 1");
  }
  REQUIRE_ERROR((Cycle{.steps = 9, .max_momentum = 1}.momentum(0)), "and that below 1");
  REQUIRE_ERROR((Cycle{.steps = 9, .base_momentum = 0.96}(0)), "got 0.96 and 0.95");
  using Plateau = PlateauSchedule;
  for (const double wrong : {0.0, 1.0, nan})
    REQUIRE_ERROR((Plateau{.factor = wrong}()), "a factor above 0 and below 1");
  REQUIRE_ERROR((Plateau{.peak = 1, .minimum = 2}()),
                "a minimum from 0 to the peak, got 0.1 and 2");
  REQUIRE_ERROR((Plateau{.patience = -1}.observe(1)), "at least 0, got -1 and 0");
  REQUIRE_ERROR((Plateau{.cooldown = -1}.observe(1)), "at least 0, got 10 and -1");
  for (const double wrong : {-1.0, nan}) {
    REQUIRE_ERROR((Plateau{.threshold = wrong}()), "finite and at least 0");
    REQUIRE_ERROR((Plateau{.epsilon = wrong}()), "finite and at least 0");
  }
  Plateau plateau{.patience = 0};
  REQUIRE_ERROR(plateau.observe(nan), "a metric, got one that is not a number");
  plateau.observe(double(std::numeric_limits<float>::infinity()));  // as in PyTorch, no best yet
  REQUIRE(plateau() < plateau.peak);
}

TEST_CASE("the steps of an epoch are rounded up") {
  static_assert(steps_per_epoch(64, 32) == 2 && steps_per_epoch(65, 32) == 3);
  REQUIRE_ERROR(steps_per_epoch(0, 32), "got 0 samples and batches of 32");
  REQUIRE_ERROR(steps_per_epoch(5, 0), "got 5 samples and batches of 0");
  REQUIRE_ERROR(steps_per_epoch(std::size_t(1) << 40, 1), "steps_per_epoch requires");
}

// Where no function of <cmath> is needed, schedules are constants.
static_assert(ConstantSchedule{.peak = 0.5f}(7) == 0.5f);
static_assert(StepSchedule{.peak = 1, .step_size = 3, .gamma = 0.5}(8) == 0.25f);
static_assert(ExponentialSchedule{.peak = 1, .gamma = 0.5}(3) == 0.125f);
static_assert(Warmup{4, ByEpoch{2, ExponentialSchedule{.peak = 1, .gamma = 0.5}}}(6) == 0.5f);

}  // namespace
}  // namespace frostline::test::schedules_test
