// SPDX-License-Identifier: MIT
// Features, and a forward that begins with them, give the same results as the whole forward.
#include <cstring>

#include "frostline/frostline.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/snapshot.hpp"

namespace frostline::test::features_test {
namespace {

using Image = Input<3, 40, 33>;
using Pretrained = ResNet18<8, ClassifierHead<64, 7>>;
using HeadOnly = ReplaceHead<Freeze<Pretrained>, ClassifierHead<64, 5>>;
using LastBlock = Unfreeze<HeadOnly, "layer4.1", "fc">;
using FirstBlocks = Unfreeze<HeadOnly, "layer1.1", "fc">;  // the features end early
using Dense = ReplaceHead<Freeze<Pretrained>, FcnHead<64, 4>>;

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}
std::vector<float> copy(std::span<const float> numbers) { return {numbers.begin(), numbers.end()}; }

template <class Model, class Options = Balanced>
void check_features() {
  using Net = Network<Model, Image, cpu, Options>;
  static_assert(Net::has_features);
  Net network{max_batch(5), seed(random_engine()())};
  for (const std::size_t batch : {5u, 1u, 3u}) {
    const auto images = random_floats(batch * Image::shape.size());
    const auto expected = copy(network.predict(images));
    const auto features = copy(network.features(images));
    REQUIRE(features.size() == batch * Net::feature_shape.size());
    // Earlier contents of the values must not matter.
    network.predict(random_floats(5 * Image::shape.size()));
    REQUIRE(same_bits(network.predict_features(features), expected));
    REQUIRE(same_bits(network.features(images), features));
    // The network's own features need no copy.
    REQUIRE(same_bits(network.predict_features(network.features(images)), expected));
  }
}

TEST_CASE("a forward from features equals the forward from their images, bit for bit") {
  SECTION("head only") { check_features<HeadOnly>(); }
  SECTION("the last block and the head") { check_features<LastBlock>(); }
  SECTION("an early block and the head") { check_features<FirstBlocks>(); }
  SECTION("a dense head, which upsamples to the size of the images") { check_features<Dense>(); }
  SECTION("algorithms of few weights") { check_features<LastBlock, SmallWeights>(); }
}

TEST_CASE("features are NCHW, and equal the outputs of a network of the same layers") {
  // Both end after the first block; a frozen network's features are its outputs.
  using Whole = Sequential<Frozen<Conv2d<3, 20, 3, 1, 1>>, Frozen<ReLU>, Conv2d<20, 4, 3, 1, 1>>;
  using Begin = Sequential<Frozen<Conv2d<3, 20, 3, 1, 1>>, Frozen<ReLU>>;
  const std::uint64_t first = random_engine()();
  Network<Whole, Image> whole{max_batch(3), seed(first)};
  Network<Begin, Image> begin{max_batch(3), seed(first)};
  static_assert(Network<Begin, Image>::feature_shape == Network<Begin, Image>::output_shape);
  const auto images = random_floats(3 * Image::shape.size());
  const auto expected = copy(begin.predict(images));
  REQUIRE(same_bits(whole.features(images), expected));
  REQUIRE(same_bits(begin.features(images), expected));
}

TEST_CASE("a step from features equals the step from their images, bit for bit") {
  const std::uint64_t first = random_engine()();
  const auto images = random_floats(4 * Image::shape.size());
  const auto labels = random_labels(4, 5);
  const auto check = [&](auto& by_image, auto& by_feature) {
    const Sgd sgd{.learning_rate = 0.01f, .momentum = 0.9f};
    Trainer one{by_image, CrossEntropy{}, sgd}, other{by_feature, CrossEntropy{}, sgd};
    const auto features = copy(by_feature.features(images));
    for (int step = 0; step < 3; ++step) {
      const float expected = one.step(images, labels);
      REQUIRE(other.step(FeatureBatch{features, labels}) == expected);
      // Steps from images and from features may alternate.
      REQUIRE(other.evaluate(FeatureBatch{features, labels}).loss() ==
              one.evaluate(images, labels).loss());
      REQUIRE(one.step(images, labels) == other.step(images, labels));
    }
    REQUIRE(snapshot(by_image) == snapshot(by_feature));
  };
  SECTION("head only") {
    Network<HeadOnly, Image> one{max_batch(4), seed(first)}, other{max_batch(4), seed(first)};
    check(one, other);
  }
  SECTION("the last block, whose batch norms train") {
    Network<LastBlock, Image> one{max_batch(4), seed(first)}, other{max_batch(4), seed(first)};
    check(one, other);
  }
}

TEST_CASE("features that do not fit are an error and change nothing") {
  Network<HeadOnly, Image> network{max_batch(2)};
  const auto images = random_floats(2 * Image::shape.size());
  const auto features = copy(network.features(images));
  const auto before = snapshot(network);
  REQUIRE_ERROR(network.predict_features(std::span(features).first(63)),
                "takes features of 64x1x1 = 64 numbers, got a span of 63");
  REQUIRE_ERROR(network.predict_features(std::vector<float>(3 * 64)),
                "max_batch(2), got 3 features");
  REQUIRE_ERROR(network.features(std::span(images).first(7)), "takes images of 3x40x33");
  Trainer trainer{network, CrossEntropy{}, Sgd{}};
  const std::vector<int> labels{1, 4, 0};
  REQUIRE_ERROR(trainer.step(FeatureBatch{std::span(features).first(63), labels}),
                "the trainer takes features of 64x1x1 = 64 numbers, got a span of 63");
  REQUIRE_ERROR(trainer.step(FeatureBatch{features, labels}), "takes 2 labels for 2 images");
  REQUIRE(snapshot(network) == before);
}

TEST_CASE("a step from features that are not finite is not taken, and says why") {
  Network<LastBlock, Image> network{max_batch(2)};
  auto features = copy(network.features(random_floats(2 * Image::shape.size())));
  const std::vector<int> labels{1, 4};
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  trainer.step(FeatureBatch{features, labels});
  const auto before = snapshot(network);
  features[features.size() / 2 + 3] = std::nanf("");
  REQUIRE_ERROR(trainer.step(FeatureBatch{features, labels}), "sample 1 of the given batch");
  REQUIRE(snapshot(network) == before);
  std::ranges::fill(features, 3e38f);
  REQUIRE_ERROR(trainer.step(FeatureBatch{features, labels}),
                "the first layer whose output is not finite is 'layer4.1.conv1'");
  REQUIRE(snapshot(network) == before);
}

TEST_CASE("a backward may follow a forward from features") {
  Network<LastBlock, Image> network{max_batch(2)};
  const auto features = copy(network.features(random_floats(2 * Image::shape.size())));
  network.forward_features(features, true);
  std::ranges::fill(network.output_gradient(), 1.0f);
  network.backward();
  REQUIRE(std::ranges::any_of(network.gradients(), [](float x) { return x != 0; }));
  network.features(random_floats(Image::shape.size()));
  REQUIRE_ERROR(network.backward(), "backward requires a forward with training just before it");
}

}  // namespace
}  // namespace frostline::test::features_test
