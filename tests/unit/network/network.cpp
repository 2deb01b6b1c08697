// SPDX-License-Identifier: MIT
// Network and Trainer: gradients, frozen layers, errors, repeatability.
#include "frostline/frostline.hpp"
#include "support/catch.hpp"
#include "support/cpu_loss.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/snapshot.hpp"

namespace frostline::test::network_test {
namespace {

using Small = ResNet18<8>;
using Image = Input<3, 40, 33>;
using HeadOnly = ReplaceHead<Freeze<Small>, ClassifierHead<64, 5>>;
using Layer4 = Unfreeze<HeadOnly, "layer4", "fc">;
using Drifting = ReplaceHead<Freeze<Small, BatchStatistics>, ClassifierHead<64, 5>>;
using Everything = ResNet18<8, ClassifierHead<64, 5>>;
using Dense = ReplaceHead<Unfreeze<Freeze<Small>, "layer3">, FcnHead<64, 4>>;
// Frozen layers, with either statistics, between layers that train.
using Sandwich = Unfreeze<Freeze<Everything>, "conv1", "layer3.0", "fc">;
using DriftingSandwich = Unfreeze<Freeze<Everything, BatchStatistics>, "conv1", "fc">;
// Single parameters.
using OneBias = Unfreeze<Freeze<Everything>, "layer3.1.bn2.bias">;
using OnlyBiases = TrainOnly<Everything, Biases>;
using OnlyNorms = TrainOnly<Everything, Norms>;

/// A network as after some training: random statistics, no parameter with a special value.
template <class Model>
Network<Model, Image> scattered(int batch) {
  Network<Model, Image> network{max_batch(batch), seed(random_engine()())};
  for (const NamedTensor& tensor : network.tensors()) {
    if (tensor.type != ElementType::f32) continue;
    std::vector<float> values(tensor.size);
    network.read(tensor, std::span(values));
    for (float& x : values)
      x = tensor.is_buffer ? x + uniform(-0.3f, 0.3f) : x + uniform(-0.1f, 0.1f);
    network.write(tensor, std::span<const float>(values));
  }
  return network;
}

template <class Net>
std::vector<int> labels_for(int batch) {
  return random_labels(std::size_t(batch) * Net::output_shape.pixels(), Net::output_shape.channels);
}

/// The loss of a forward with training; the buffers get their old values again.
template <class Net>
double loss_at(Net& network, std::span<const float> images, std::span<const int> labels) {
  const std::span<const float> logits = network.forward(images, true);
  return double(cpu_loss({}, Net::output_shape, logits, labels, network.output_gradient()));
}

/// Changes all trainable parameters along a direction: the loss must change as the gradient says.
template <class Model>
void check_slope() {
  constexpr int batch = 4;
  auto network = scattered<Model>(batch);
  using Net = decltype(network);
  const auto images = random_floats(batch * Net::input_shape.size());
  const auto labels = labels_for<Net>(batch);
  loss_at(network, images, labels);
  network.backward();
  const std::vector<float> gradient(network.gradients().begin(), network.gradients().end());
  const std::vector<float> before(network.trainable().begin(), network.trainable().end());
  double square = 0;
  for (const float g : gradient) square += double(g) * double(g);
  REQUIRE(square > 0);
  const auto at = [&](double distance) {
    const std::span<float> parameters = network.trainable();
    for (std::size_t i = 0; i < before.size(); ++i)
      parameters[i] = float(double(before[i]) + distance * double(gradient[i]));
    return loss_at(network, images, labels);
  };
  // Steps that change the loss by this much: small for its curvature and large for rounding. A
  // ReLU may turn on or off in a step, but hardly in all of them.
  double slope = 0;
  for (const double change : {2e-3, 5e-4, 1.2e-4}) {
    const double step = change / square, found = (at(step) - at(-step)) / (2 * step);
    if (std::abs(found - square) < std::abs(slope - square)) slope = found;
  }
  INFO("slope " << slope << ", gradient's square " << square);
  REQUIRE(std::abs(slope - square) <= 0.03 * square);
}

TEST_CASE("the gradient of a whole network is its slope, with any layers frozen") {
  SECTION("head only") { check_slope<HeadOnly>(); }
  SECTION("layer4 and head") { check_slope<Layer4>(); }
  SECTION("batch statistics that drift") { check_slope<Drifting>(); }
  SECTION("everything") { check_slope<Everything>(); }
  SECTION("frozen layers after trainable ones") { check_slope<Sandwich>(); }
  SECTION("the same with batch statistics") { check_slope<DriftingSandwich>(); }
  SECTION("one bias") { check_slope<OneBias>(); }
  SECTION("biases") { check_slope<OnlyBiases>(); }
  SECTION("norms") { check_slope<OnlyNorms>(); }
}

bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

template <class Model>
void check_frozen() {
  auto network = scattered<Model>(4);
  using Net = decltype(network);
  const auto before = snapshot(network);
  Trainer trainer{network, CrossEntropy{},
                  Sgd{.learning_rate = 1e-2f, .momentum = 0.9f, .weight_decay = 1e-2f}};
  for (int step = 0; step < 50; ++step)
    trainer.step(random_floats(4 * Net::input_shape.size()), labels_for<Net>(4));
  const auto after = snapshot(network);
  int moved = 0, kept = 0;
  for (const NamedTensor& tensor : Net::tensors()) {
    if (tensor.type != ElementType::f32) continue;
    const Node& node = Net::graph()[tensor.node];
    const bool moves = tensor.is_buffer ? node.statistics == Statistics::batch : tensor.trains;
    INFO(tensor.key);
    REQUIRE(same_bytes(before.at(tensor.key), after.at(tensor.key)) == !moves);
    ++(moves ? moved : kept);
  }
  REQUIRE(moved > 0);
  REQUIRE(kept > 0);
}

TEST_CASE("a frozen layer keeps its bytes over 50 steps with momentum and weight decay", "[slow]") {
  SECTION("head only") { check_frozen<HeadOnly>(); }
  SECTION("layer4 and head") { check_frozen<Layer4>(); }
  SECTION("running statistics change, parameters do not") { check_frozen<Drifting>(); }
  SECTION("a dense head") { check_frozen<Dense>(); }
  SECTION("one bias") { check_frozen<OneBias>(); }
  SECTION("biases") { check_frozen<OnlyBiases>(); }
  SECTION("norms") { check_frozen<OnlyNorms>(); }
}

TEST_CASE("folding batch norm, sum and ReLU into frozen convolutions changes nothing") {
  auto trainable = scattered<Everything>(3);
  Network<Freeze<Everything>, Image> frozen{max_batch(3)};
  for (const NamedTensor& tensor : trainable.tensors())
    if (tensor.type == ElementType::f32)
      frozen.write(frozen.tensor(tensor.key), std::span<const float>(trainable.values(tensor.key)));
  const auto images = random_floats(3 * 3 * 40 * 33);
  const auto a = trainable.predict(images), b = frozen.predict(images);
  for (std::size_t i = 0; i < a.size(); ++i)
    REQUIRE(std::abs(a[i] - b[i]) <= 2e-5f * (1 + std::abs(a[i])));
}

/// Sets the number of OpenMP's threads, which a network reads when it is made.
class Threads {
 public:
  explicit Threads(int count) { omp_set_num_threads(count); }
  Threads(const Threads&) = delete;
  ~Threads() { omp_set_num_threads(before_); }

 private:
  int before_ = omp_get_max_threads();
};

TEST_CASE("a batch's results do not depend on max_batch, on its other images or on threads") {
  const Threads threads(GENERATE(1, 2, 3, 9));
  auto large = scattered<HeadOnly>(7);
  Network<HeadOnly, Image> small{max_batch(1)};
  for (const NamedTensor& tensor : small.tensors())
    if (tensor.type == ElementType::f32)
      small.write(tensor, std::span<const float>(large.values(tensor.key)));
  const auto images = random_floats(7 * 3 * 40 * 33);
  const auto together = large.predict(images);
  for (std::size_t n = 0; n < 7; ++n) {
    const auto alone = small.predict(std::span(images).subspan(n * 3 * 40 * 33, 3 * 40 * 33));
    for (std::size_t k = 0; k < 5; ++k) REQUIRE(std::abs(alone[k] - together[n * 5 + k]) < 1e-4f);
  }
}

TEST_CASE("losses do not depend on threads", "[slow]") {
  const int batch = GENERATE(1, 2, 7);
  const auto images = random_floats(std::size_t(batch) * 3 * 40 * 33);
  const auto labels = random_labels(std::size_t(batch), 5);
  const auto run = [&]<class Model>(Network<Model, Image>*, int count) {
    const Threads threads(count);
    Network<Model, Image> network{max_batch(7), seed(3)};
    Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 1e-3f, .momentum = 0.9f}};
    std::vector<float> losses;
    for (int step = 0; step < 3; ++step) losses.push_back(trainer.step(images, labels));
    return losses;
  };
  const auto check = [&]<class Net>(Net* any) {
    const std::vector<float> alone = run(any, 1);
    for (const int count : {2, 3, 9}) {
      const std::vector<float> together = run(any, count);
      for (std::size_t i = 0; i < alone.size(); ++i)
        REQUIRE(std::abs(together[i] - alone[i]) <= 1e-4f * (1 + alone[i]));
    }
  };
  check(static_cast<Network<HeadOnly, Image>*>(nullptr));
  check(static_cast<Network<Layer4, Image>*>(nullptr));
}

TEST_CASE("training twice with the same seed gives the same losses, also with dropout") {
  const auto images = random_floats(4 * 3 * 40 * 33);
  const auto run = [&](std::uint64_t number) {
    Network<Dense, Image> network{max_batch(4), seed(number)};
    Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 1e-2f, .momentum = 0.9f}};
    std::vector<int> labels(4 * 40 * 33);
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = int(i / 500 % 4);
    std::vector<float> losses;
    for (int step = 0; step < 4; ++step) losses.push_back(trainer.step(images, labels));
    return losses;
  };
  REQUIRE(run(1) == run(1));
  REQUIRE(run(1) != run(2));
}

TEST_CASE("a network learns a batch by heart", "[slow]") {
  Network<Everything, Image> network{max_batch(8), seed(random_engine()())};
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 2e-2f, .momentum = 0.9f}};
  const auto images = random_floats(8 * 3 * 40 * 33);
  const auto labels = random_labels(8, 5);
  const float first = trainer.step(images, labels);
  float last = first;
  for (int step = 0; step < 40; ++step) last = trainer.step(images, labels);
  REQUIRE(last < 0.1f * first);
}

TEST_CASE("gradients are added with `accumulate`, and assigned without") {
  auto network = scattered<Layer4>(2);
  const auto images = random_floats(2 * 3 * 40 * 33);
  const auto labels = random_labels(2, 5);
  loss_at(network, images, labels);
  network.backward();
  const std::vector<float> once(network.gradients().begin(), network.gradients().end());
  loss_at(network, images, labels);
  network.backward(true);
  for (std::size_t i = 0; i < once.size(); ++i)
    REQUIRE(std::abs(network.gradients()[i] - 2 * once[i]) <= 1e-5f + 1e-4f * std::abs(once[i]));
}

TEST_CASE("sizes and labels that do not fit are errors that change nothing") {
  auto network = scattered<HeadOnly>(2);
  Trainer trainer{network, CrossEntropy{}, Sgd{}};
  const auto before = snapshot(network);
  const std::vector<float> images(3 * 3 * 40 * 33);
  const std::span two = std::span(images).first(2 * 3 * 40 * 33);
  REQUIRE_ERROR(trainer.step(images, std::vector{1, 2, 3}), "max_batch(2), got 3 images");
  REQUIRE_ERROR(trainer.step(two, std::vector{1}),
                "takes 2 labels for 2 images of one label, got 1");
  REQUIRE_ERROR(trainer.step(two, std::vector{1, 5}), "labels from 0 to 4");
  REQUIRE_ERROR(trainer.step(two, std::vector{-1, 0}), "got -1");
  REQUIRE_ERROR(trainer.step({}, {}), "takes images of 3x40x33 = 3960 numbers");
  Network<Dense, Image> dense{max_batch(1)};
  Trainer dense_trainer{dense, CrossEntropy{}, Sgd{}};
  REQUIRE_ERROR(dense_trainer.evaluate(std::span(images).first(3963), std::vector<int>(3963 / 3)),
                "= 3960 numbers");  // labels and a part of an image, in proportion
  Network<Conv2d<8, 8, 3, 1, 1>, Input<8, 16, 16>> square{max_batch(1)};
  REQUIRE_ERROR(square.predict(square.predict(std::vector<float>(8 * 16 * 16))),
                "the network's own memory");
  REQUIRE_ERROR(network.predict(std::span(images).first(100)), "3x40x33");
  REQUIRE_ERROR(network.tensor("fc.wieght"), "no tensor 'fc.wieght'");
  REQUIRE_ERROR((Network<HeadOnly, Image>{max_batch(0)}), "at least 1, got 0");
  REQUIRE_ERROR((Trainer{network, CrossEntropy{}, Sgd{.nesterov = true}}), "momentum above 0");
  REQUIRE(snapshot(network) == before);
}

TEST_CASE("a tensor of another network is this network's, or it is refused") {
  using Model = Sequential<Conv2d<3, 4, 3>, GlobalAveragePool, Linear<4, 2>>;
  using Longer = Sequential<Conv2d<3, 4, 3>, ReLU, GlobalAveragePool, Linear<4, 2>>;
  using Pixels = Input<3, 6, 5>;
  Network<Freeze<Model>, Pixels> frozen{max_batch(2), seed(1)};
  Network<Model, Pixels> trains{max_batch(2), seed(2)};
  const auto images = random_floats(2 * Pixels::shape.size());
  frozen.predict(images);  // has packed its weights
  for (const NamedTensor& tensor : trains.tensors())
    frozen.write(tensor, std::span<const float>(trains.values(tensor.key)));
  REQUIRE(snapshot(frozen) == snapshot(trains));
  const auto one = frozen.predict(images), other = trains.predict(images);
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(std::abs(one[i] - other[i]) <= 1e-5f);

  Network<Longer, Pixels> longer{max_batch(2)};
  const auto before = snapshot(frozen);
  for (const char* key : {"3.weight", "3.bias"}) {
    auto values = longer.values(key);
    constexpr auto refused = "is another network's tensor or has changed: take it from this";
    REQUIRE_ERROR(frozen.write(longer.tensor(key), std::span<const float>(values)), refused);
    REQUIRE_ERROR(frozen.read(longer.tensor(key), std::span(values)), refused);
  }
  NamedTensor beyond = frozen.tensor("2.bias");
  beyond.index = 7;
  REQUIRE_ERROR(frozen.write(beyond, std::span<const float>(before.at("2.bias"))), "'2.bias' is");
  REQUIRE(snapshot(frozen) == before);
}

TEST_CASE("evaluation takes any number of images and counts correct predictions") {
  auto network = scattered<HeadOnly>(3);
  Trainer trainer{network, CrossEntropy{}, Sgd{}};
  const auto images = random_floats(8 * 3 * 40 * 33);
  std::vector<int> labels;
  for (std::size_t n = 0; n < 8; ++n)
    labels.push_back(predicted_class(
        {5, 1, 1},
        network.predict(std::span(images).subspan(n * 3 * 40 * 33, 3 * 40 * 33)).data()));
  labels[2] = (labels[2] + 1) % 5;
  labels[5] = -100;
  const Evaluation result = trainer.evaluate(images, labels);
  REQUIRE(result.count == 7);
  REQUIRE(result.correct == 6);
  REQUIRE(result.loss() > 0);
  ConfusionMatrix confusion(5);
  for (const int label : {2, -100, 5}) confusion.add(label, 2);
  REQUIRE((confusion(2, 2) == 1 && confusion.accuracy() == 1));
}

TEST_CASE("the arena has the planned size, and is small for frozen models") {
  constexpr auto frozen = Network<HeadOnly, Image>::arena_bytes(32, 1);
  constexpr auto all = Network<Everything, Image>::arena_bytes(32, 1);
  STATIC_REQUIRE(frozen * 2 < all);
}

}  // namespace
}  // namespace frostline::test::network_test
