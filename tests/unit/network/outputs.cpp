// SPDX-License-Identifier: MIT
// Auxiliary outputs: their gradients and losses, and that an evaluation does not compute them.
#include <cstring>

#include "frostline/frostline.hpp"
#include "support/catch.hpp"
#include "support/cpu_loss.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/relative_error.hpp"
#include "support/snapshot.hpp"
#include "unit/io/files.hpp"

namespace frostline::test::outputs_test {
namespace {

using Image = Input<3, 40, 33>;
// torchvision's heads without dropout, so that two forwards are equal.
template <int In>
using Branch = Sequential<Conv2d<In, In / 4, 3, 1, 1, 1, 1, false>, BatchNorm2d<In / 4>, ReLU,
                          Conv2d<In / 4, 4, 1>>;
template <bool WithAuxiliary>
struct Head_ {
  using plain = Module<Named<"classifier", Branch<64>>, Named<"upsample", Upsample<>>>;
  using model = std::conditional_t<
      WithAuxiliary,
      Module<plain, Auxiliary<"layer3", Module<Named<"aux_classifier", Branch<32>>,
                                               Named<"aux_upsample", Upsample<>>>>>,
      plain>;
};
template <bool WithAuxiliary>
using Segmenter = Unfreeze<ReplaceHead<Freeze<ResNet18<8>>, Head_<WithAuxiliary>>, "layer3",
                           "layer4", "classifier">;
using WithHead = Unfreeze<ReplaceHead<Freeze<ResNet18<8>>, Head_<true>>, "layer3", "layer4",
                          "classifier", "aux_classifier">;
using Net = Network<WithHead, Image>;
static_assert(Net::output_count == 2 && Network<Segmenter<false>, Image>::output_count == 1);

constexpr std::size_t pixels = Image::shape.pixels();
struct Setup {
  std::vector<float> images = random_floats(2 * Image::shape.size());
  std::vector<int> labels = random_labels(2 * pixels, 4);
};
std::vector<float> copy(std::span<const float> numbers) { return {numbers.begin(), numbers.end()}; }

}  // namespace

TEST_CASE("gradients of two outputs are added where their branches meet") {
  const Setup s;
  Net network{max_batch(2), seed(random_engine()())};
  const std::size_t floats = 2 * Net::output_shape.size();
  const auto first = random_floats(floats), second = random_floats(floats);
  const std::vector<float> none(floats);
  const auto gradients = [&](std::span<const float> one, std::span<const float> other) {
    network.forward(s.images, true);
    std::ranges::copy(one, network.output_gradient(0).begin());
    std::ranges::copy(other, network.output_gradient(1).begin());
    network.backward();
    return copy(network.gradients());
  };
  const auto both = gradients(first, second), one = gradients(first, none),
             other = gradients(none, second);
  std::vector<float> sum(both.size());
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = one[i] + other[i];
  REQUIRE(relative_error(both, sum) < 1e-5);
  REQUIRE(relative_error(both, one) > 1e-3);  // the branch matters
}

TEST_CASE("a step's loss and gradients are the weighted sums over all outputs") {
  const Setup s;
  const std::uint64_t start = random_engine()();
  Net by_hand{max_batch(2), seed(start)}, network{max_batch(2), seed(start)};
  by_hand.forward(s.images, true);
  float losses[2];
  for (int k = 0; k < 2; ++k)
    losses[k] =
        cpu_loss({}, Net::output_shape, by_hand.output(k), s.labels, by_hand.output_gradient(k));
  for (float& slope : by_hand.output_gradient(1)) slope *= 0.5f;
  by_hand.backward();
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 0}};
  const float expected = losses[0] + 0.5f * losses[1];
  REQUIRE(std::abs(trainer.step(s.images, s.labels) - expected) <= 1e-6f * expected);
  REQUIRE(relative_error(network.gradients(), by_hand.gradients()) < 1e-6);
}

TEST_CASE("accumulated batches and steps from features include auxiliary losses") {
  using Model = ReplaceHead<Freeze<ResNet18<8>>, Head_<true>>;  // its batch norms are the heads'
  using Frozen_ = Network<Model, Image>;
  const Setup s;
  const std::uint64_t start = random_engine()();
  Frozen_ network{max_batch(2), seed(start)}, other{max_batch(2), seed(start)};
  Trainer one{network, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  Trainer two{other, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  const auto features = copy(other.features(s.images));
  for (int step = 0; step < 3; ++step)
    REQUIRE(one.step(s.images, s.labels) == two.step(FeatureBatch{features, s.labels}));
  REQUIRE(snapshot(network) == snapshot(other));
  const float mean = two.accumulate(FeatureBatch{features, s.labels});
  two.update();
  REQUIRE(mean == one.step(s.images, s.labels));
  REQUIRE(relative_error(other.values("aux_classifier.3.weight"),
                         network.values("aux_classifier.3.weight")) < 1e-6);
}

TEST_CASE("an evaluation skips auxiliary outputs, and files contain their weights") {
  const Setup s;
  const files::TemporaryFolder folder;
  Net network{max_batch(2), seed(random_engine()())};
  Network<Segmenter<false>, Image> plain{max_batch(2)};
  for (const NamedTensor& tensor : plain.tensors())
    if (tensor.type == ElementType::f32) {
      const auto values = network.values(tensor.key);
      plain.write(plain.tensor(tensor.key), std::span<const float>(values));
    }
  const auto expected = copy(plain.predict(s.images));
  const auto found = network.predict(s.images);
  REQUIRE(std::memcmp(found.data(), expected.data(), found.size_bytes()) == 0);
  REQUIRE_ERROR(network.output(1), "only a forward with training computes auxiliary outputs");
  REQUIRE_ERROR(network.output(2), "the network has 2 output(s), but no output 2");
  REQUIRE_ERROR(plain.output_gradient(1), "the network has 1 output(s), but no output 1");

  save(network, folder.path / "both.safetensors");
  Net again{max_batch(2)};
  load(again, folder.path / "both.safetensors");
  REQUIRE(snapshot(again) == snapshot(network));
  // A network whose new head has no branch skips the branch's weights.
  Network<ReplaceHead<WithHead, FcnHead<64, 7>>, Image> next{max_batch(1)};
  const LoadReport report = load_pretrained(next, folder.path / "both.safetensors");
  REQUIRE(report.left_new.size() > 0);
  REQUIRE(next.values("layer3.0.conv1.weight") == network.values("layer3.0.conv1.weight"));
}

TEST_CASE("an output without trainable parameters has a loss and no gradient") {
  const Setup s;
  using Seg = ReplaceHead<ResNet18<8>, Head_<true>>;
  const auto check = [&](auto network, int frozen, const std::string& trained) {
    REQUIRE(network.output_gradient(frozen).empty());
    Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 0.01f}};
    const auto before = snapshot(network);
    REQUIRE(trainer.step(s.images, s.labels) > 1);
    REQUIRE(network.values(trained) != before.at(trained));
    // Both losses are included: a network in which both outputs train has the same loss.
    Network<Unfreeze<Freeze<Seg>, "classifier.3", "aux_classifier.3">, Image> both{max_batch(2)};
    for (const auto& [key, values] : before)
      both.write(both.tensor(key), std::span<const float>(values));
    const auto after = snapshot(network);
    for (const auto& [key, values] : before)
      network.write(network.tensor(key), std::span<const float>(values));
    Trainer other{both, CrossEntropy{}, Sgd{.learning_rate = 0.01f}};
    const float expected = other.step(s.images, s.labels);
    REQUIRE(std::abs(trainer.step(s.images, s.labels) - expected) <= 1e-5f * expected);
  };
  SECTION("the auxiliary one") {
    check(Network<Unfreeze<Freeze<Seg>, "classifier.3">, Image>{max_batch(2), seed(3)}, 1,
          "classifier.3.weight");
  }
  SECTION("the main one") {
    check(Network<Unfreeze<Freeze<Seg>, "aux_classifier.3">, Image>{max_batch(2), seed(3)}, 0,
          "aux_classifier.3.weight");
  }
}

TEST_CASE("features end before all outputs, and steps from them equal steps from images") {
  const Setup s;
  using Model = Unfreeze<Freeze<ReplaceHead<ResNet18<8>, Head_<true>>>, "aux_classifier.3">;
  using Part = Network<Model, Image>;
  static_assert(Part::feature_shape == Shape{32, 3, 3});  // layer3's, which both outputs read
  const std::uint64_t start = random_engine()();
  Part one{max_batch(2), seed(start)}, other{max_batch(2), seed(start)};
  Trainer by_image{one, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  Trainer by_feature{other, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  const auto features = copy(other.features(s.images));
  for (int step = 0; step < 3; ++step)
    REQUIRE(by_image.step(s.images, s.labels) == by_feature.step(FeatureBatch{features, s.labels}));
  REQUIRE(snapshot(one) == snapshot(other));
}

TEST_CASE("all outputs are valid from a forward to the next call") {
  const Setup s;
  Net network{max_batch(2), seed(random_engine()())};
  constexpr auto words = "outputs are valid from a forward to the next call";
  REQUIRE_ERROR(network.output(), words);
  network.forward(s.images, true);
  const auto first = copy(network.output(0)), second = copy(network.output(1));
  std::ranges::fill(network.output_gradient(1), 7.0f);
  std::ranges::fill(network.output_gradient(0), 8.0f);
  REQUIRE(copy(network.output(0)) == first);  // no other value shares their memory
  REQUIRE(copy(network.output(1)) == second);
  network.backward();
  REQUIRE_ERROR(network.output(), words);
  const auto predicted = copy(network.predict(s.images));
  REQUIRE(copy(network.output()) == predicted);
  Trainer trainer{network, CrossEntropy{}, Sgd{}};
  trainer.step(s.images, s.labels);
  REQUIRE_ERROR(network.output(), words);
}

TEST_CASE("an auxiliary loss that is not finite stops the step and is named") {
  const Setup s;
  Net network{max_batch(2), seed(random_engine()())};
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  trainer.step(s.images, s.labels);
  auto bias = network.values("aux_classifier.3.bias");
  bias[1] = std::nanf("");
  network.write(network.tensor("aux_classifier.3.bias"), std::span<const float>(bias));
  const auto before = snapshot(network);
  REQUIRE_ERROR(trainer.step(s.images, s.labels),
                "the first layer whose output is not finite is 'aux_classifier.3'");
  for (const auto& [key, values] : snapshot(network))
    REQUIRE(std::memcmp(values.data(), before.at(key).data(), values.size() * sizeof(float)) == 0);
}

}  // namespace frostline::test::outputs_test
