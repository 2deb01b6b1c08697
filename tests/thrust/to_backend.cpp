// SPDX-License-Identifier: MIT
// to: a network moves to another backend and back with all its tensors.
#include "frostline/network/to_backend.hpp"

#include <cmath>
#include <numeric>

#include "frostline/backend/cpu.hpp"
#include "frostline/models/densenet.hpp"
#include "frostline/models/efficientnet.hpp"
#include "frostline/models/mobilenet_v2.hpp"
#include "frostline/models/mobilenet_v3.hpp"
#include "frostline/thrust.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/snapshot.hpp"

namespace frostline::test::to_backend_test {

TEST_CASE("a network moves to another backend with its weights, and back") {
  using Model = ReplaceHead<Freeze<ResNet18<8, ClassifierHead<64, 7>>>, ClassifierHead<64, 3>>;
  using Image = Input<3, 32, 32>;
  Network<Model, Image> network{max_batch(4), seed(random_engine()())};
  const std::vector<float> images = random_floats(4 * Network<Model, Image>::input_shape.size());
  std::vector<int> labels{0, 2, 1, 0};
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  trainer.step(images, labels);

  auto moved = to<thrust_backend>(network);
  static_assert(std::same_as<decltype(moved)::backend, thrust_backend>);
  CHECK(moved.max_batch() == 4);
  for (const NamedTensor& tensor : network.tensors()) {
    INFO(tensor.key);
    if (tensor.type == ElementType::f32)
      REQUIRE(moved.values(tensor.key) == network.values(tensor.key));
  }
  const auto one = network.predict(images), other = moved.predict(images);
  for (std::size_t i = 0; i < one.size(); ++i)
    REQUIRE(std::abs(one[i] - other[i]) <= 1e-4f * (1 + std::abs(one[i])));

  // It is trained there and copied back.
  Trainer there{moved, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  there.step(images, labels);
  const auto back = to<cpu>(moved);
  REQUIRE(back.values("fc.weight") == moved.values("fc.weight"));
  REQUIRE(back.values("fc.weight") != network.values("fc.weight"));
  REQUIRE(back.values("conv1.weight") == network.values("conv1.weight"));
}

TEST_CASE("features are the same on both backends, and train in the same way") {
  using Model = ReplaceHead<Freeze<ResNet18<8, ClassifierHead<64, 7>>>, ClassifierHead<64, 3>>;
  using Image = Input<3, 32, 32>;
  Network<Model, Image> network{max_batch(2), seed(random_engine()())};
  auto moved = to<thrust_backend>(network);
  const std::vector<float> images = random_floats(2 * Image::shape.size());
  const auto one = network.predict(images), other = moved.predict(images);
  REQUIRE(one.size() == other.size());
  for (std::size_t i = 0; i < one.size(); ++i)
    REQUIRE(std::abs(one[i] - other[i]) <= 1e-4f * (1 + std::abs(one[i])));
  CHECK(summary(moved).find("layer4.1.conv2") != std::string::npos);

  const auto here = network.features(images), there = moved.features(images);
  REQUIRE(here.size() == there.size());
  for (std::size_t i = 0; i < here.size(); ++i)
    REQUIRE(std::abs(here[i] - there[i]) <= 1e-4f * (1 + std::abs(here[i])));
  // Steps from features and from images alternate; each kind has its own recording.
  const std::vector<float> features(there.begin(), there.end());
  const std::vector<int> labels{0, 2};
  auto by_image = to<thrust_backend>(network);
  Trainer one_trainer{by_image, CrossEntropy{}, Sgd{.learning_rate = 0.1f, .momentum = 0.9f}};
  Trainer other_trainer{moved, CrossEntropy{}, Sgd{.learning_rate = 0.1f, .momentum = 0.9f}};
  for (int step = 0; step < 8; ++step) {
    const float expected = one_trainer.step(images, labels);
    const float found = step % 3 == 2 ? other_trainer.step(images, labels)
                                      : other_trainer.step(FeatureBatch{features, labels});
    REQUIRE(std::abs(found - expected) <= 1e-5f * (1 + expected));
  }
  std::vector<float> spoilt = features;
  spoilt[3] = std::nanf("");
  REQUIRE_ERROR(other_trainer.step(FeatureBatch{spoilt, labels}), "sample 0 of the given batch");
}

// nvcc 13 cannot spell the constants of the batch norms in this model (it emits "__T69").
#ifndef __CUDACC__
namespace {

constexpr detail::GatedBlockSizes gated{12, 20, 12, 5, 1, 6}, efficient{12, 20, 10, 3, 2, 5};
constexpr NormConstants norm3{.epsilon = 1e-3f, .momentum = 0.01f}, usual{};
constexpr Probability no_dropout{0.0f};

/// A block of each family of backbones. A CPU converts the layout before the grouped convolution.
using Blocks =
    Module<Named<"stem", detail::ConvNormActivation<3, 8, 3, 1, 1, ReLU>>,
           Named<"bottleneck", detail::Bottleneck<8, 6, 16, 2, 2, 1>>,
           Named<"inverted", detail::InvertedResidual<16, 16, 1, 2>>,
           Named<"dense", detail::DenseBlock<16, 4, std::make_integer_sequence<int, 2>>>,
           Named<"transition", detail::DenseTransition<24>>,
           Named<"gated", detail::GatedBlock<gated, Hardswish, ReLU, Hardsigmoid, norm3>>,
           Named<"efficient", detail::GatedBlock<efficient, SiLU, SiLU, Sigmoid, usual>>,
           Head<MobileNetV3Head<10, 5, 9, no_dropout>>>;

std::vector<double> difference(const std::vector<float>& one, const std::vector<float>& other) {
  std::vector<double> result(one.size());
  for (std::size_t i = 0; i < one.size(); ++i) result[i] = double(one[i]) - double(other[i]);
  return result;
}
double norm(const std::vector<double>& numbers) {
  return std::sqrt(std::inner_product(numbers.begin(), numbers.end(), numbers.begin(), 0.0));
}

}  // namespace

TEST_CASE("a block of each backbone gives the same logits and gradients on both backends") {
  using Image = Input<3, 16, 16>;
  constexpr int batch = 6;
  Network<Blocks, Image> network{max_batch(batch), seed(random_engine()())};
  for (const NamedTensor& tensor : network.tensors())  // norms, and biases
    if (!tensor.is_buffer && tensor.extents.size() == 1) {
      const float middle = tensor.key.ends_with("weight") ? 1.0f : 0.0f;
      const auto values = random_floats(tensor.size, middle - 0.5f, middle + 0.5f);
      network.write(tensor, std::span<const float>(values));
    }
  auto moved = to<thrust_backend>(network);
  const auto before = snapshot(network);
  REQUIRE(snapshot(moved) == before);

  const auto images = random_floats(batch * Image::shape.size(), -2, 2);
  const auto labels = random_labels(batch, 5);
  const auto one = network.predict(images), other = moved.predict(images);
  for (std::size_t i = 0; i < one.size(); ++i)
    CHECK(std::abs(one[i] - other[i]) <= 1e-4f * (1 + std::abs(one[i])));

  // The first step of a rate so large that the gradients are the weights' changes, unrounded.
  const Sgd sgd{.learning_rate = float(1 << 20)};
  Trainer here{network, CrossEntropy{}, sgd};
  Trainer there{moved, CrossEntropy{}, sgd};
  const float loss = here.step(images, labels);
  CHECK(std::abs(there.step(images, labels) - loss) <= 1e-5f * loss);
  const auto after = snapshot(network);
  const auto moved_after = snapshot(moved);
  double largest = 0;
  for (const auto& [key, values] : before)
    largest = std::max(largest, norm(difference(after.at(key), values)));
  for (const auto& [key, values] : before) {
    INFO(key);
    // Of running statistics, too. A value at a kink can move a gradient by 2e-3; a bias that only
    // another norm reads has a gradient of rounding errors.
    const double floor = key.find("running") == std::string::npos ? 1e-6 * largest : 0;
    const double wanted = norm(difference(after.at(key), values));
    CHECK(norm(difference(moved_after.at(key), after.at(key))) <= 5e-3 * wanted + floor);
  }
}
#endif

}  // namespace frostline::test::to_backend_test
