// SPDX-License-Identifier: MIT
// last_features: the maps of a trained network's backbone explain the network's own logits.
#include "support/last_features.hpp"

#include <cmath>
#include <frostline/backend/cpu.hpp>
#include <frostline/checkpoint/save.hpp>
#include <frostline/core/format.hpp>
#include <frostline/layers/relu6.hpp>
#include <frostline/models/convnext.hpp>
#include <frostline/models/efficientnet_lite.hpp>

#include "support/catch.hpp"
#include "support/random.hpp"
#include "unit/io/files.hpp"

namespace examples::last_features_test {
namespace {

using namespace frostline;

template <class HeadLayer>
using Small = Module<Named<"stem", Conv2d<3, 8, 3, 2, 1, 1, 1, false>>,
                     Named<"norm", BatchNorm2d<8>>, Named<"relu", ReLU6>, Head<HeadLayer>>;

/// The head of the trained network differs from that of `Pretrained` in its number of classes.
template <class Pretrained, class NewHead>
void check_maps(std::string_view bias) {
  using Net = Network<ReplaceHead<Pretrained, NewHead>, Input<3, 9, 12>>;
  Net network{max_batch(2), seed(test::random_engine()())};
  const files::TemporaryFolder folder;
  save(network, folder.path / "trained.safetensors");
  const LastFeatures last = last_features<Pretrained>(network, folder.path / "trained.safetensors");
  REQUIRE(last.shape == Shape{8, 5, 6});
  const std::vector<float> image = test::random_floats(Net::input_shape.size());
  const std::vector<float> biases = network.values(bias);
  const std::span<const float> features = last.of_image(image);
  const std::span<const float> logits = network.predict(image);
  for (std::size_t k = 0; k < logits.size(); ++k) {
    double sum = double(biases[k]);
    for (const float value :
         class_activation_map(last.shape, features, last.weights, int(k)).values)
      sum += double(value);
    CHECK(std::abs(sum - double(logits[k])) < 1e-5);
  }
}

TEST_CASE("the maps of a network and its bias sum to its logits, whatever its head is called") {
  check_maps<Small<ClassifierHead<8, 4>>, ClassifierHead<8, 3>>("fc.bias");
  check_maps<Small<LiteHead<8, 4>>, LiteHead<8, 3>>("_fc.bias");
  check_maps<Small<DropoutHead<8, 4>>, DropoutHead<8, 3>>("classifier.1.bias");
}

TEST_CASE(
    "behind a layer norm, the maps sum to the logits but for a positive factor of the image") {
  using Pretrained = Small<ConvNeXtHead<8, 4>>;
  using Net = Network<ReplaceHead<Pretrained, ConvNeXtHead<8, 3>>, Input<3, 9, 12>>;
  Net network{max_batch(1), seed(test::random_engine()())};
  const std::vector<float> scale = test::random_floats(8), shift = test::random_floats(8);
  network.write(network.tensor("classifier.0.weight"), std::span(scale));
  network.write(network.tensor("classifier.0.bias"), std::span(shift));
  const files::TemporaryFolder folder;
  save(network, folder.path / "trained.safetensors");
  const LastFeatures last = last_features<Pretrained>(network, folder.path / "trained.safetensors");
  const std::vector<float> image = test::random_floats(Net::input_shape.size());
  const std::vector<float> weights = network.values("classifier.2.weight"),
                           biases = network.values("classifier.2.bias");
  const std::span<const float> features = last.of_image(image);
  // The factor: one by the deviation of the pooled features over the channels.
  std::vector<double> pooled(8);
  double mean = 0, variance = 0;
  for (std::size_t i = 0; i < features.size(); ++i) pooled[i / 30] += double(features[i]) / 30;
  for (const double value : pooled) mean += value / 8;
  for (const double value : pooled) variance += (value - mean) * (value - mean) / 8;
  const double factor = 1 / std::sqrt(variance + 1e-6);
  const std::span<const float> logits = network.predict(image);
  for (std::size_t k = 0; k < logits.size(); ++k) {
    double sum = double(biases[k]);
    for (std::size_t c = 0; c < 8; ++c) sum += double(weights[k * 8 + c]) * double(shift[c]);
    for (const float value :
         class_activation_map(last.shape, features, last.weights, int(k)).values)
      sum += factor * double(value);
    CHECK(std::abs(sum - double(logits[k])) < 1e-4);
  }
}

TEST_CASE("a network without a linear layer of a known name has no maps") {
  Network<Sequential<Conv2d<3, 2, 1>>, Input<3, 2, 2>> network{max_batch(1)};
  CHECK_THROWS_AS(classifier_weights(network), Error);
}

}  // namespace
}  // namespace examples::last_features_test
