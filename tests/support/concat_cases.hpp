// SPDX-License-Identifier: MIT
// The cases of tests/golden/concat.safetensors, which make_concat.py wrote: models that join
// branches, a U-Net and DeepLabV3's pyramid.
#pragma once

#include <filesystem>
#include <numeric>

#include "frostline/io/weights/safetensors.hpp"
#include "frostline/layers/batch_norm2d.hpp"
#include "frostline/layers/conv2d.hpp"
#include "frostline/layers/max_pool2d.hpp"
#include "frostline/layers/relu.hpp"
#include "frostline/models/deeplab.hpp"
#include "frostline/models/unet.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/train/trainer.hpp"
#include "support/internals.hpp"
#include "support/random.hpp"
#include "support/relative_error.hpp"
#include "support/snapshot.hpp"

namespace frostline::test::concat {

using Picture = Input<3, 9, 7>;
template <int In, int Out, int Kernel = 1>
using Unit = Sequential<Conv2d<In, Out, Kernel, 1, Kernel / 2>, BatchNorm2d<Out>, ReLU>;
template <int In, int Out>
using DenseLayer = Sequential<BatchNorm2d<In>, ReLU, Conv2d<In, Out, 3, 1, 1, 1, 1, false>>;

using Inception =
    Module<Named<"stem", Unit<3, 4, 3>>,
           Named<"block", Concat<Named<"branch1", Unit<4, 16>>, Named<"branch2", Unit<4, 8, 3>>,
                                 Named<"branch3", Sequential<MaxPool2d<3, 1, 1>, Conv2d<4, 4, 1>,
                                                             BatchNorm2d<4>, ReLU>>>>,
           ClassifierHead<28, 5>>;
using Odd =
    Module<Named<"stem", Unit<3, 16, 3>>,
           Named<"block", Concat<Unit<16, 5, 3>, Conv2d<16, 3, 1>, Identity, Conv2d<16, 1, 1>>>,
           ClassifierHead<25, 5>>;
using Dense = Module<Named<"stem", Unit<3, 16, 3>>,
                     Named<"first", Concat<Identity, Named<"layer", DenseLayer<16, 4>>>>,
                     Named<"second", Concat<Identity, Named<"layer", DenseLayer<20, 3>>>>,
                     ClassifierHead<23, 5>>;
template <int In, int Out>
using Down = Sequential<Conv2d<In, Out, 3, 2, 1>, BatchNorm2d<Out>, ReLU>;
using UNet = Module<
    Named<"stem", Unit<3, 4, 3>>, Named<"down", Down<4, 16>>, Named<"deep", Down<16, 8>>,
    Named<"decoder", Named<"blocks", UNetDecoder<8, Skip<"down", 16, 6>, Skip<"stem", 4, 5>>>>,
    ClassifierHead<5, 5>>;
using Pyramid = AtrousPyramid<8, 4, AtrousRates{1, 2, 4}, Probability{0}, "classifier.0.convs.0">;
using DeepLab = Module<Named<"stem", Unit<3, 8, 3>>, Named<"classifier", Sequential<Pyramid>>,
                       ClassifierHead<4, 5>>;

/// PyTorch's numbers of a case.
class Golden {
 public:
  explicit Golden(std::string name) : name_(std::move(name)) {}
  std::vector<float> floats(const std::string& key) const { return values<float>("." + key); }
  std::vector<int> labels() const {
    const auto wide = values<std::int64_t>(".labels");
    return {wide.begin(), wide.end()};
  }
  template <class Net>
  void write(Net& network, const std::string& when) const {
    for (const NamedTensor& tensor : network.tensors())
      if (tensor.type == ElementType::f32) {
        const auto numbers = floats(when + "/" + tensor.key);
        network.write(tensor, std::span<const float>(numbers));
      }
  }
  /// Requires the network's tensors, to a relative error.
  template <class Net>
  void compare(const Net& network, const std::string& when) const {
    for (const auto& [key, numbers] : snapshot(network)) {
      INFO(name_ << ", " << when << ": " << key);
      REQUIRE(relative_error(numbers, floats(when + "/" + key)) < 2e-5);
    }
  }

 private:
  template <class Number>
  std::vector<Number> values(const std::string& key) const {
    static const StateDict file =
        read_safetensors(std::filesystem::path(FROSTLINE_GOLDEN_DIR) / "concat.safetensors");
    INFO("concat.safetensors has " << name_ + key);
    REQUIRE(file.tensors.count(name_ + key) == 1);
    const StoredTensor& tensor = file.tensors.at(name_ + key);
    std::vector<Number> result(tensor.size());
    tensor.copy_to(std::span(result));
    return result;
  }
  std::string name_;
};

/// Five steps of SGD in batches of 3, 3, 2, 3 and 3 are PyTorch's, and what they give in
/// evaluation; then so is what the same model gives frozen, where convolutions do the work of what
/// follows them.
template <class Model, class Backend>
void check_training(const std::string& name) {
  const Golden golden(name);
  const auto images = golden.floats("images"), losses = golden.floats("losses");
  const auto logits = golden.floats("logits");
  const auto labels = golden.labels();
  Network<Model, Picture, Backend> network{max_batch(3), seed(random_engine()())};
  golden.write(network, "start");
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 0.05f, .momentum = 0.9f}};
  const auto samples = [&](std::size_t first, std::size_t count) {
    return std::span(images).subspan(first * Picture::shape.size(), count * Picture::shape.size());
  };
  const auto check_logits = [&](auto& tested) {
    for (const std::size_t first : {6u, 0u, 3u}) {
      const std::size_t count = first == 6 ? 2 : 3;
      REQUIRE(relative_error(tested.predict(samples(first, count)),
                             std::span(logits).subspan(first * 5, count * 5)) < 1e-4);
    }
  };
  for (std::size_t step = 0; step < 5; ++step) {
    const std::size_t first = step % 3 * 3, count = first == 6 ? 2 : 3;
    const float loss = trainer.step(samples(first, count), std::span(labels).subspan(first, count));
    REQUIRE(std::abs(loss - losses[step]) <= 2e-5f * losses[step]);
    if (step == 0) golden.compare(network, "first");
  }
  golden.compare(network, "last");
  check_logits(network);
  Network<Freeze<Model>, Picture, Backend> frozen{max_batch(3), seed(random_engine()())};
  golden.write(frozen, "last");
  check_logits(frozen);
}

template <class Backend>
void check_all_training() {
  check_training<Inception, Backend>("inception");
  check_training<Odd, Backend>("odd");
  check_training<Dense, Backend>("dense");
  check_training<UNet, Backend>("unet");
  check_training<DeepLab, Backend>("deeplab");
}

}  // namespace frostline::test::concat
