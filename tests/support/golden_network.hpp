// SPDX-License-Identifier: MIT
// Small networks against PyTorch's results in tests/golden/layers.safetensors.
#pragma once

#include "frostline/models/heads.hpp"
#include "frostline/models/squeeze_excitation.hpp"
#include "support/check_partly_trained.hpp"
#include "support/golden_layer.hpp"
#include "support/internals.hpp"

namespace frostline::test {

/// Logits, the first step's gradients, and five steps' losses and parameters of a case.
template <class Backend, class Model, class In>
void check_golden_network(const std::string& name, int batch) {
  Network<Model, In, Backend> network{max_batch(batch)};
  for (const NamedTensor& tensor : network.tensors())
    network.write(tensor, std::span<const float>(floats(name + "." + tensor.key)));
  const std::vector<float> images = floats(name + ".images");
  const std::vector<int> labels = integers(name + ".labels");
  const auto logits = network.predict(images);
  compare(name + ".logits", {logits.begin(), logits.end()});
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 0.1f, .momentum = 0.9f}};
  std::vector<float> losses;
  for (int step = 0; step < 5; ++step) {
    losses.push_back(trainer.step(images, labels));
    if (step > 0) continue;
    for (const NamedTensor& tensor : network.tensors())
      compare(name + "." + tensor.key + "_gradient", gradient_of(network, tensor));
  }
  compare(name + ".losses", losses);
  for (const NamedTensor& tensor : network.tensors())
    compare(name + "." + tensor.key + "_after", network.values(tensor.key));
}

/// A network whose second layer is a squeeze-and-excitation, after a convolution that is padded as
/// TensorFlow's SAME.
using Squeezing = Module<Named<"stem", Conv2d<3, 20, 3, 2, same_padding>>,
                         Named<"se", SqueezeExcitation<20, 6>>, ClassifierHead<20, 4>>;
template <class Backend>
void check_squeeze_excitation() {
  check_golden_network<Backend, Squeezing, Input<3, 9, 10>>("squeeze_excitation", 6);
}

}  // namespace frostline::test
