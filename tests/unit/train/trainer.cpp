// SPDX-License-Identifier: MIT
// Errors of a training step before anything changes, the order of calls, and a loss that is not
// finite.
#include "frostline/frostline.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/snapshot.hpp"

namespace frostline::test::trainer_test {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

using Small = ResNet18<8, ClassifierHead<64, 5>>;
using Image = Input<3, 40, 33>;
using HeadOnly = ReplaceHead<Freeze<Small>, ClassifierHead<64, 5>>;
using Layer4 = Unfreeze<HeadOnly, "layer4", "fc">;

template <class Net>
std::vector<float> images_for(int batch) {
  return random_floats(std::size_t(batch) * Net::input_shape.size());
}
template <class Net>
std::vector<int> labels_for(int batch) {
  return random_labels(std::size_t(batch) * Net::output_shape.pixels(), Net::output_shape.channels);
}

/// A step with one value per channel is refused and changes nothing; with two it is taken.
template <class Model, class In>
void check_one_value(std::string_view path) {
  Network<Model, In> network{max_batch(2), seed(random_engine()())};
  using Net = decltype(network);
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 1e-2f, .momentum = 0.9f}};
  const auto images = images_for<Net>(2);
  const auto labels = labels_for<Net>(2);
  const auto image = std::span(images).first(Net::input_shape.size());
  const auto label = std::span(labels).first(Net::output_shape.pixels());
  const auto before = snapshot(network);
  REQUIRE_ERROR(trainer.step(image, label),
                format_text("'{}' requires more than one value per channel", path));
  REQUIRE_ERROR(network.forward(image, true), "more than one value per channel");
  REQUIRE(snapshot(network) == before);
  REQUIRE(std::isfinite(trainer.evaluate(image, label).loss()));  // with running statistics
  REQUIRE(std::isfinite(trainer.step(images, labels)));
  REQUIRE(snapshot(network) != before);
}

TEST_CASE("a batch norm does not train on one value per channel") {
  using Features = Sequential<Linear<6, 4>, BatchNorm2d<4>, ReLU, Linear<4, 3>>;
  SECTION("a head of features") { check_one_value<Features, Input<6, 1, 1>>("1"); }
  SECTION("a dense head whose features are 1x1") {
    check_one_value<ReplaceHead<Freeze<Small>, FcnHead<64, 3>>, Input<3, 32, 32>>("classifier.1");
  }
  SECTION("a frozen one that uses the batch's statistics") {
    check_one_value<Sequential<Frozen<BatchNorm2d<6>, BatchStatistics>, Linear<6, 3>>,
                    Input<6, 1, 1>>("0");
  }
  // With running statistics one value is allowed.
  Network<Sequential<Frozen<BatchNorm2d<6>>, Linear<6, 3>>, Input<6, 1, 1>> frozen{max_batch(1)};
  Trainer trainer{frozen, CrossEntropy{}, Sgd{}};
  REQUIRE(std::isfinite(trainer.step(random_floats(6), std::vector{1})));
}

TEST_CASE("a backward requires a forward with training just before it") {
  Network<Layer4, Image> network{max_batch(2), seed(random_engine()())};
  using Net = decltype(network);
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 0}};
  const auto images = images_for<Net>(2), others = images_for<Net>(2);
  const auto labels = labels_for<Net>(2);
  constexpr auto words = "backward requires a forward with training just before it";
  REQUIRE_ERROR(network.backward(), words);
  const auto forward = [&] {
    network.forward(images, true);
    for (float& slope : network.output_gradient()) slope = 1;
  };
  forward();
  network.backward();
  std::vector<float> gradient(network.gradients().begin(), network.gradients().end());
  REQUIRE_ERROR(network.backward(), words);  // its values are overwritten
  SECTION("predict in between") {
    forward();
    network.predict(others);
    REQUIRE_ERROR(network.backward(), words);
  }
  SECTION("evaluate in between") {
    forward();
    trainer.evaluate(others, labels);
    REQUIRE_ERROR(network.backward(), words);
  }
  SECTION("a step in between") {
    forward();
    trainer.step(others, labels);
    gradient.assign(network.gradients().begin(), network.gradients().end());
    REQUIRE_ERROR(network.backward(), words);
  }
  SECTION("weights are written") {
    forward();
    network.write(network.tensor("fc.bias"), std::span<const float>(std::vector<float>(5)));
    REQUIRE_ERROR(network.backward(), words);
  }
  SECTION("weights are changed in place") {
    forward();
    network.trainable()[0] += 1;
    REQUIRE_ERROR(network.backward(), words);
  }
  SECTION("weights are initialised again") {
    forward();
    network.initialise(seed(1));
    REQUIRE_ERROR(network.backward(), words);
  }
  SECTION("a refused call is harmless") {
    forward();
    REQUIRE_ERROR(network.predict(std::span(images).first(7)), "got a span of 7");
    network.backward();
  }
  // In any case, the gradients are those of the last backward that ran.
  REQUIRE(std::equal(gradient.begin(), gradient.end(), network.gradients().begin()));
}

TEST_CASE("settings that make no sense are refused before anything changes") {
  Network<HeadOnly, Image> network{max_batch(2), seed(random_engine()())};
  using Net = decltype(network);
  const auto images = images_for<Net>(2);
  const auto labels = labels_for<Net>(2);
  Trainer trainer{network, CrossEntropy{}, Sgd{}};
  const auto before = snapshot(network);
  for (const float wrong : {-0.1f, nan, infinity}) {
    for (float Sgd::*setting : {&Sgd::learning_rate, &Sgd::momentum, &Sgd::weight_decay}) {
      trainer.optimizer = Sgd{};
      trainer.optimizer.*setting = wrong;
      REQUIRE_ERROR(trainer.step(images, labels), "finite and at least 0");
      REQUIRE_ERROR((Trainer{network, CrossEntropy{}, trainer.optimizer}), "finite and at least 0");
    }
    trainer.optimizer = Sgd{};
  }
  for (const float wrong : {-0.1f, 1.1f, nan, infinity}) {
    trainer.loss.label_smoothing = wrong;
    REQUIRE_ERROR(trainer.step(images, labels), "label smoothing from 0 to 1");
    REQUIRE_ERROR(trainer.evaluate(images, labels), "label smoothing from 0 to 1");
    REQUIRE_ERROR((Trainer{network, trainer.loss, Sgd{}}), "label smoothing from 0 to 1");
  }
  REQUIRE(snapshot(network) == before);
  trainer.loss.label_smoothing = 1;
  REQUIRE(std::isfinite(trainer.step(images, labels)));
}

/// Steps until the loss is not finite; returns the message.
template <class Net>
std::string diverge(Net& network, float learning_rate) {
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = learning_rate}};
  std::map<std::string, std::vector<float>> before;
  const std::string message = error_of([&] {
    for (int step = 0; step < 50; ++step) {
      before = snapshot(network);
      trainer.step(images_for<Net>(4), labels_for<Net>(4));
    }
  });
  INFO(message);
  // The step was not taken: weights and statistics are the same, bit for bit.
  const auto after = snapshot(network);
  for (const auto& [key, values] : before) {
    INFO(key);
    REQUIRE(std::memcmp(values.data(), after.at(key).data(), values.size() * sizeof(float)) == 0);
  }
  return message;
}

TEST_CASE("a training that diverges stops, and names the step and the layer") {
  SECTION("everything trains") {
    Network<Small, Image> network{max_batch(4), seed(random_engine()())};
    const std::string message = diverge(network, 1e30f);
    INFO(message);
    REQUIRE(message.find("in training step ") != std::string::npos);
    REQUIRE(message.find("the first layer whose output is not finite is '") != std::string::npos);
    REQUIRE(message.find("The step was not taken") != std::string::npos);
  }
  SECTION("only the head trains") {
    Network<HeadOnly, Image> network{max_batch(4), seed(random_engine()())};
    const std::string message = diverge(network, 1e38f);
    INFO(message);
    // The last layer overflows, or only the loss.
    REQUIRE((message.find("'fc'") != std::string::npos ||
             message.find("the outputs of all layers are finite") != std::string::npos));
  }
}

/// Sets one number of a tensor to NaN; the message must name `layer`.
template <class Net>
void check_first_layer(std::string_view key, std::string_view layer) {
  Net network{max_batch(3), seed(random_engine()())};
  const NamedTensor tensor = network.tensor(key);
  std::vector<float> values = network.values(key);
  values[random_engine()() % values.size()] = nan;
  network.write(tensor, std::span<const float>(values));
  Trainer trainer{network, CrossEntropy{}, Sgd{}};
  const std::string message =
      error_of([&] { trainer.step(images_for<Net>(3), labels_for<Net>(3)); });
  INFO(message);
  REQUIRE(message.find("the loss is not a number in training step 1") != std::string::npos);
  REQUIRE(message.find(format_text("not finite is '{}'", layer)) != std::string::npos);
  REQUIRE(message.find(format_text("'{}' is not finite and was not before this step: load the "
                                   "weights again",
                                   key)) != std::string::npos);
}

TEST_CASE("the first layer whose output is not finite is the damaged one") {
  using Frozen = Network<HeadOnly, Image>;
  using All = Network<Small, Image>;
  SECTION("in the frozen prefix") {
    check_first_layer<Frozen>("layer2.0.conv1.weight", "layer2.0.conv1");
  }
  SECTION("after it") { check_first_layer<Frozen>("layer4.1.conv2.weight", "layer4.1.conv2"); }
  SECTION("in a batch norm that a convolution absorbs") {
    check_first_layer<Frozen>("layer3.0.bn1.running_var", "layer3.0.conv1");
  }
  SECTION("in the head") { check_first_layer<Frozen>("fc.bias", "fc"); }
  SECTION("if everything trains") { check_first_layer<All>("layer3.1.bn1.bias", "layer3.1.bn1"); }
  SECTION("in the first layer") { check_first_layer<All>("conv1.weight", "conv1"); }
}

TEST_CASE("a batch with a number that is not finite is refused, and the next one trains") {
  Network<Small, Image> network{max_batch(4), seed(random_engine()())};
  using Net = decltype(network);
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 1e-3f, .momentum = 0.9f}};
  auto images = images_for<Net>(4);
  const auto labels = labels_for<Net>(4);
  trainer.step(images, labels);
  const auto before = snapshot(network);
  const float good = images[2 * Net::input_shape.size() + 7];
  for (const float bad : {nan, infinity, -infinity}) {
    images[2 * Net::input_shape.size() + 7] = bad;
    REQUIRE_ERROR(trainer.step(images, labels), "sample 2 of the given batch");
    REQUIRE(snapshot(network) == before);
  }
  images[2 * Net::input_shape.size() + 7] = good;
  REQUIRE(std::isfinite(trainer.step(images, labels)));
  REQUIRE(snapshot(network) != before);
}

TEST_CASE("an ignored sample that is not finite does not reach the weights") {
  // Its loss is ignored, but its gradient is zero times NaN, as in PyTorch.
  Network<HeadOnly, Image> network{max_batch(3), seed(random_engine()())};
  using Net = decltype(network);
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 1e-3f, .momentum = 0.9f}};
  auto images = images_for<Net>(3);
  const auto before = snapshot(network);
  images[Net::input_shape.size() + 5] = nan;
  for (const std::vector<int>& labels : {std::vector{1, -100, 2}, std::vector(3, -100)})
    REQUIRE_ERROR(trainer.step(images, labels),
                  "logits of ignored labels are not finite in training step");
  REQUIRE(snapshot(network) == before);
  REQUIRE(std::isfinite(trainer.evaluate(images, std::vector{1, -100, 2}).loss()));
}

TEST_CASE("statistics that a refused step changed are not reported as damaged before it") {
  // The batch's variance is infinite in a float, and so becomes the running one until it is
  // restored.
  Network<Sequential<BatchNorm2d<2>, Linear<2, 3>>, Input<2, 1, 1>> network{max_batch(3)};
  network.write(network.tensor("0.weight"), std::span<const float>(std::vector{3e38f, 3e38f}));
  network.write(network.tensor("0.bias"), std::span<const float>(std::vector{2e38f, 2e38f}));
  Trainer trainer{network, CrossEntropy{}, Sgd{}};
  const auto before = snapshot(network);
  const std::vector<float> samples{1e38f, -1e38f, 2e38f, 1e38f, -3e38f, 3e38f};
  const std::string message = error_of([&] { trainer.step(samples, std::vector{0, 1, 2}); });
  INFO(message);
  REQUIRE(message.find("The step was not taken") != std::string::npos);
  REQUIRE(message.find("running") == std::string::npos);
  REQUIRE(snapshot(network) == before);
}

TEST_CASE("a refused step changes nothing in later ones") {
  using Dropping = ReplaceHead<Freeze<Small>, FcnHead<64, 4>>;
  const auto images = random_floats(2 * 3 * 40 * 33);
  auto spoilt = images;
  spoilt[9] = nan;
  const auto labels = random_labels(2 * 40 * 33, 4);
  const auto run = [&](bool with_refusal) {
    Network<Dropping, Image> network{max_batch(2), seed(5)};
    Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 1e-2f, .momentum = 0.9f}};
    std::vector<float> losses{trainer.step(images, labels)};
    if (with_refusal) REQUIRE_ERROR(trainer.step(spoilt, labels), "sample 0 of the given batch");
    for (int step = 0; step < 3; ++step) losses.push_back(trainer.step(images, labels));
    return losses;
  };
  REQUIRE(run(true) == run(false));
}

TEST_CASE("a cosine schedule needs steps, warms up to its peak and falls towards 0") {
  REQUIRE_ERROR(CosineSchedule{.peak = 1}(0), "at least one step");
  REQUIRE_ERROR((CosineSchedule{.peak = 1, .warmup_steps = 3, .steps = 2}(0)), "3 of warm-up");
  REQUIRE_ERROR((CosineSchedule{.peak = 1, .steps = 2}(-1)), "step -1");
  const CosineSchedule schedule{.peak = 2, .warmup_steps = 2, .steps = 6};
  REQUIRE(schedule(0) == 1);
  REQUIRE(schedule(1) == 2);
  REQUIRE(schedule(2) == 2);
  REQUIRE(std::abs(schedule(4) - 1) < 1e-6f);
  REQUIRE(schedule(5) > 0);
  REQUIRE(std::abs(schedule(6)) < 1e-6f);
}

TEST_CASE("features that are not finite are not cached") {
  Network<Freeze<Small>, Image> frozen{max_batch(2)};
  auto images = random_floats(3 * decltype(frozen)::input_shape.size());
  FeatureCache cache{frozen, 3};
  images[2 * decltype(frozen)::input_shape.size() + 3] = nan;
  REQUIRE_ERROR(cache.append(images), "a feature of sample 2 is not a number");
}

TEST_CASE("too little memory is an error that says what needs how much") {
  using Net = Network<Small, Image>;
  REQUIRE_ERROR((Net{max_batch(2'000'000'000)}),
                "frostline: a network with max_batch(2000000000) takes ");
  REQUIRE_ERROR((Net{max_batch(2'000'000'000)}), " bytes of memory, and ");
  REQUIRE_ERROR((Net{max_batch(2'000'000'000)}), "a smaller max_batch takes less");
  Network<Freeze<Small>, Image> frozen{max_batch(1)};
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  REQUIRE_ERROR((FeatureCache{frozen, std::size_t(1) << 50, {.memory_budget = most}}),
                "a feature cache takes ");
  REQUIRE(available_memory() > 0);
}

}  // namespace
}  // namespace frostline::test::trainer_test
