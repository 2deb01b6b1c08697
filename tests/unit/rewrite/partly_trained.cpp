// SPDX-License-Identifier: MIT
// Models on the CPU in which only single parameters, biases or norms train.
#include "frostline/frostline.hpp"
#include "support/check_partly_trained.hpp"
#include "support/counting_lender.hpp"
#include "support/internals.hpp"
#include "support/layer_run.hpp"

namespace frostline::test::partly_trained_test {

TEST_CASE("one parameter trains as in the whole network, and nothing else changes") {
  SECTION("a convolution's bias") { check_unfrozen<cpu, "2.0.bias">(); }
  SECTION("a convolution's weight") { check_unfrozen<cpu, "2.0.weight">(); }
  SECTION("the first convolution's bias") { check_unfrozen<cpu, "0.bias">(); }
  SECTION("a strided convolution's bias") { check_unfrozen<cpu, "3.bias">(); }
  SECTION("a grouped convolution's bias") { check_unfrozen<cpu, "4.bias">(); }
  SECTION("a grouped convolution's weight") { check_unfrozen<cpu, "4.weight">(); }
  SECTION("a pointwise convolution's bias") { check_unfrozen<cpu, "5.bias">(); }
  SECTION("a linear layer's bias") { check_unfrozen<cpu, "8.bias">(); }
  SECTION("a linear layer's weight") { check_unfrozen<cpu, "8.weight">(); }
  SECTION("a batch norm's bias") { check_unfrozen<cpu, "1.bias">(); }
  SECTION("a batch norm's weight") { check_unfrozen<cpu, "1.weight">(); }
}

TEST_CASE("several parameters train as in the whole network, and nothing else changes") {
  SECTION("both of a batch norm by name") { check_unfrozen<cpu, "2.1.weight", "2.1.bias">(); }
  SECTION("a batch norm, and before it a bias") { check_unfrozen<cpu, "2.1", "0.bias">(); }
  SECTION("biases") { check_partly_trained<cpu, TrainOnly<Smooth, Biases>>(); }
  SECTION("norms") { check_partly_trained<cpu, TrainOnly<Smooth, Norms>>(); }
}

TEST_CASE("single parameters also train with batch statistics") {
  SECTION("a batch norm's bias") { check_unfrozen_by_batch<cpu, "1.bias">(); }
  SECTION("a batch norm's weight") { check_unfrozen_by_batch<cpu, "1.weight">(); }
  SECTION("two batch norms' biases") { check_unfrozen_by_batch<cpu, "1.bias", "6.bias">(); }
  SECTION("biases") { check_partly_trained<cpu, TrainOnly<Smooth, Biases, BatchStatistics>>(); }
}

TEST_CASE("a convolution's frozen weights are packed once, its bias again after each step") {
  constexpr int out = 5, lines = 16;
  using Layer = Conv2d<3, out, 3, 1, 1>;
  using Kernel = Kernel<cpu, Layer>;
  constexpr Choice choice = Kernel::choose({.in = {3, 8, 8}});
  using Here = At<Place{.inputs = {{{3, 8, 8}, Layout::blocked}},
                        .output = {{out, 8, 8}, Layout::blocked},
                        .flags = choice.algorithm * flags::algorithm | flags::frozen}>;
  std::vector<float> weight = random_floats(Layer::parameters()[0].size());
  std::vector<float> bias = random_floats(out);
  Poisoned packed(Kernel::packed_floats<Here>(Pass::forward));
  Call call;
  call.parameters[0] = weight.data();
  call.parameters[1] = bias.data();
  call.packed = packed.data();
  call.frozen_changed = true;
  Kernel::pack<Here, Pass::forward>(call);
  const std::vector<float> first = packed.copy();
  call.frozen_changed = false;
  call.parameters[0] = nullptr;  // nothing reads it
  for (float& x : bias) x += 1;
  Kernel::pack<Here, Pass::forward>(call);
  const std::vector<float> second = packed.copy();
  for (std::size_t k = 0; k < out; ++k) REQUIRE(second[k] == bias[k]);
  REQUIRE(std::memcmp(first.data() + lines, second.data() + lines,
                      (first.size() - lines) * sizeof(float)) == 0);
  Kernel::pack<Here, Pass::input_gradient>(call);
}

TEST_CASE("frozen weights stay in their file while their layer's bias trains") {
  using Net = Network<Unfreeze<Freeze<Smooth>, "2.0.bias", "3.weight">, SmoothInput>;
  const Seed first = seed(random_engine()());
  Net own{max_batch(2), first}, borrower{max_batch(2), first};
  const NamedTensor weight = Net::tensor("2.0.weight");
  const auto lender = std::make_shared<CountingLender>(own.values("2.0.weight"));
  REQUIRE(borrower.executor().store().borrow(weight, {lender->numbers.data(), lender}));
  for (const char* trains : {"2.0.bias", "3.weight"})
    REQUIRE_FALSE(borrower.executor().store().borrow(Net::tensor(trains), {}));
  Trainer one{own, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  Trainer other{borrower, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  for (int step = 0; step < 3; ++step) {
    const auto images = random_floats(2 * SmoothInput::shape.size());
    REQUIRE(one.step(images, std::vector{1, 3}) == other.step(images, std::vector{1, 3}));
  }
  REQUIRE(lender->readings == 1);
}

TEST_CASE("the summary names the trainable parameters of a layer that is partly frozen") {
  const std::string text = summary<Unfreeze<Freeze<Smooth>, "4.bias", "6">, SmoothInput>();
  const auto line = [&](const std::string& layer) {
    const std::size_t from = text.find("\n" + layer + " ");
    REQUIRE(from != std::string::npos);
    return text.substr(from + 1, text.find('\n', from + 1) - from - 1);
  };
  REQUIRE(line("3").find(" frozen ") != std::string::npos);
  REQUIRE(line("4").find(" bias ") != std::string::npos);
  REQUIRE(line("6").find(" trains ") != std::string::npos);
  REQUIRE(text.find("of which 24 train") != std::string::npos);
}

}  // namespace frostline::test::partly_trained_test
