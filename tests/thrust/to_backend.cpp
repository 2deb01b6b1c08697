// SPDX-License-Identifier: MIT
// to: a network moves to another backend and back with all its tensors.
#include "frostline/network/to_backend.hpp"

#include "frostline/backend/cpu.hpp"
#include "frostline/thrust.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"

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

}  // namespace frostline::test::to_backend_test
