// SPDX-License-Identifier: MIT
// with_batch: networks with different max_batch that share one store of parameters.
#include <optional>

#include "frostline/frostline.hpp"
#include "support/catch.hpp"
#include "support/counting_lender.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/snapshot.hpp"

namespace frostline::test::with_batch_test {

using Pretrained = ResNet18<16, ClassifierHead<128, 5>>;
using Image = Input<3, 64, 64>;
constexpr std::size_t pixels = Image::shape.size();
template <class Model>
using Net = Network<Model, Image>;

std::vector<float> copy(std::span<const float> numbers) { return {numbers.begin(), numbers.end()}; }
std::span<const float> first(const std::vector<float>& images, std::size_t count) {
  return std::span(images).first(count * pixels);
}
/// A network with a store of its own and the same numbers.
template <class Model>
Net<Model> separate(const Net<Model>& network) {
  return to<cpu>(network);
}

/// Two networks share a store; after each step of the one, the other predicts what a separate
/// network with copies of the parameters predicts.
template <class Model>
void check_training(int most, int other) {
  INFO("max_batch " << most << " and " << other);
  Net<Model> network{max_batch(most), seed(random_engine()())};
  Net<Model> evaluation = network.with_batch(max_batch(other));
  CHECK(network.max_batch() == most);
  CHECK(evaluation.max_batch() == other);
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 0.05f, .momentum = 0.9f}};
  const auto images = random_floats(std::size_t(std::max(most, other)) * pixels);
  const auto labels = random_labels(std::size_t(std::max(most, other)), 5);
  const auto both = std::size_t(std::min(most, other));
  std::vector<float> last;
  for (int step = 0; step < 3; ++step) {
    INFO("step " << step);
    trainer.step(first(images, std::size_t(most)), std::span(labels).first(std::size_t(most)));
    const auto found = copy(evaluation.predict(first(images, std::size_t(other))));
    REQUIRE(found != last);
    last = found;
    const auto shared = copy(evaluation.predict(first(images, both)));
    REQUIRE(shared == copy(network.predict(first(images, both))));
    REQUIRE(shared == copy(separate<Model>(network).predict(first(images, both))));
    REQUIRE(snapshot(evaluation) == snapshot(network));
  }
}

TEST_CASE("a network that shares parameters sees each training step at once") {
  using HeadOnly = ReplaceHead<Freeze<Pretrained>, ClassifierHead<128, 5>>;
  for (const auto& [most, other] : {std::pair{2, 7}, {7, 2}, {3, 3}}) {
    check_training<Pretrained>(most, other);  // running statistics move, too
    check_training<Unfreeze<HeadOnly, "layer4", "fc">>(most, other);
    check_training<HeadOnly>(most, other);
  }
}

TEST_CASE("networks that share packed weights read them alike") {
  // The convolution has so many weights that it uses F(2x2) if max_batch is at most 2.
  using Wide = Sequential<Conv2d<3, 352, 1>, Frozen<Conv2d<352, 352, 3, 1, 1>>, GlobalAveragePool,
                          Linear<352, 4>>;
  using WideNet = Network<Wide, Input<3, 8, 8>>;
  const auto image = random_floats(WideNet::input_shape.size());
  const Seed same = seed(random_engine()());
  WideNet one{max_batch(1), same}, five{max_batch(5), same};
  WideNet five_of_one = one.with_batch(max_batch(5)), one_of_five = five.with_batch(max_batch(1));
  const auto by_f2 = copy(one.predict(image)), by_f4 = copy(five.predict(image));
  REQUIRE(by_f2 != by_f4);
  REQUIRE(copy(five_of_one.predict(image)) == by_f2);
  REQUIRE(copy(one_of_five.predict(image)) == by_f4);
}

using Small = Network<
    Sequential<Conv2d<3, 8, 3, 1, 1>, BatchNorm2d<8>, ReLU, GlobalAveragePool, Linear<8, 4>>,
    Input<3, 9, 7>>;
constexpr std::size_t small_pixels = Small::input_shape.size();

TEST_CASE("of networks that share parameters, either may be destroyed first") {
  const auto images = random_floats(2 * small_pixels);
  std::optional<Small> network(std::in_place, max_batch(2), seed(random_engine()()));
  const auto wanted = copy(network->predict(images));
  std::optional<Small> evaluation(network->with_batch(max_batch(5)));
  network.reset();
  REQUIRE(copy(evaluation->predict(images)) == wanted);
  Trainer trainer{*evaluation, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  trainer.step(images, std::vector{1, 2});
  Small third = evaluation->with_batch(max_batch(2)), moved = std::move(third);
  const auto trained = copy(evaluation->predict(images));
  REQUIRE(trained != wanted);
  evaluation.reset();
  REQUIRE(copy(moved.predict(images)) == trained);
}

TEST_CASE("networks that share parameters see each other's writes") {
  Small network{max_batch(2), seed(random_engine()())};
  Small evaluation = network.with_batch(max_batch(3));
  const auto images = random_floats(2 * small_pixels);
  auto last = copy(network.predict(images));
  const auto require_new_and_equal = [&] {
    const auto now = copy(network.predict(images));
    REQUIRE(now != last);
    REQUIRE(copy(evaluation.predict(images)) == now);
    last = now;
  };
  for (const char* key : {"0.weight", "1.running_mean", "4.bias"}) {
    const NamedTensor tensor = Small::tensor(key);
    const auto values = random_floats(tensor.size);
    evaluation.write(tensor, std::span(values));
    REQUIRE(network.values(key) == values);
    require_new_and_equal();
  }
  network.initialise(seed(random_engine()()));
  require_new_and_equal();
  for (float& x : evaluation.trainable()) x *= 1.5f;
  require_new_and_equal();
}

TEST_CASE("networks that share parameters pack borrowed weights once") {
  using Frozen = Network<Freeze<Small::model>, Small::input>;
  Frozen network{max_batch(2), seed(random_engine()())};
  const auto images = random_floats(2 * small_pixels);
  const auto wanted = copy(network.predict(images));
  const auto lender = std::make_shared<CountingLender>(network.values("0.weight"));
  Frozen evaluation = network.with_batch(max_batch(4));
  REQUIRE(evaluation.executor().store().borrow(Frozen::tensor("0.weight"),
                                               {lender->numbers.data(), lender}));
  for (int i = 0; i < 2; ++i) {
    REQUIRE(copy(network.predict(images)) == wanted);
    REQUIRE(copy(evaluation.predict(images)) == wanted);
  }
  REQUIRE(lender->readings == 1);
}

TEST_CASE("a network that shares parameters has the same number of classes") {
  using Late = Network<ReplaceHead<Freeze<Pretrained>, ClassifierHead<128, AtMost<40>>>, Image>;
  Late network{max_batch(1), classes(11)};
  Late evaluation = network.with_batch(max_batch(3));
  REQUIRE(evaluation.output_shape == Shape{11, 1, 1});
  REQUIRE(evaluation.trainable_count() == network.trainable_count());
  const auto images = random_floats(3 * pixels);
  const auto all = copy(evaluation.predict(images));
  REQUIRE(all.size() == 3 * 11);
  for (std::size_t n = 0; n < 3; ++n)
    REQUIRE(copy(network.predict(std::span(images).subspan(n * pixels, pixels))) ==
            copy(std::span(all).subspan(n * 11, 11)));
}

TEST_CASE("wrong use of networks that share parameters is an error") {
  Small network{max_batch(2), seed(random_engine()())};
  Small evaluation = network.with_batch(max_batch(3));
  const auto images = random_floats(4 * small_pixels);
  const std::span two = std::span(images).first(2 * small_pixels);
  const std::vector labels{1, 3};
  REQUIRE_ERROR(network.with_batch(max_batch(0)), "max_batch requires at least 1, got 0");
  REQUIRE_ERROR(evaluation.predict(images), "made with max_batch(3), got 4 images");
  REQUIRE_ERROR(network.predict(std::span(images).first(3 * small_pixels)),
                "made with max_batch(2)");

  // Their values and the parameters that they share are no images: a step overwrites them.
  const std::size_t one = small_pixels;
  REQUIRE(network.gradients().size() >= one);
  for (Small* net : {&network, &evaluation}) {
    const auto refused = [&](std::span<const float> floats) {
      REQUIRE_ERROR(net->forward(floats.first(one), true), "are in the network's own memory");
    };
    refused(network.gradients());
    refused(network.trainable());
  }

  const auto words = "backward requires a forward with training just before it";
  const auto forward = [&] {
    network.forward(two, true);
    std::ranges::fill(network.output_gradient(), 1.0f);
  };
  forward();
  evaluation.predict(two);  // it does not touch the other's values
  network.backward();
  REQUIRE_ERROR(network.backward(), words);
  REQUIRE_ERROR(evaluation.backward(), words);

  forward();
  const auto bias = evaluation.values("4.bias");
  evaluation.write(Small::tensor("4.bias"), std::span(bias));
  REQUIRE_ERROR(network.backward(), words);
  forward();
  evaluation.trainable();
  REQUIRE_ERROR(network.backward(), words);
  Trainer other{evaluation, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  forward();
  other.step(two, labels);
  REQUIRE_ERROR(network.backward(), words);

  // Gradients are shared, too.
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  trainer.accumulate(two, labels);
  evaluation.predict(two);
  trainer.update();
  trainer.accumulate(two, labels);
  other.step(two, labels);
  REQUIRE_ERROR(trainer.update(), "another forward with training came after accumulate");
  for (const bool initialises : {true, false}) {
    trainer.accumulate(two, labels);
    initialises ? evaluation.initialise(seed(random_engine()()))
                : evaluation.write(Small::tensor("4.bias"), std::span(bias));
    REQUIRE_ERROR(trainer.update(), "weights were written or initialised after accumulate");
    REQUIRE(trainer.accumulated() == 0);
  }
}

}  // namespace frostline::test::with_batch_test
