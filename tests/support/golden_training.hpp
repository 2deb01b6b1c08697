// SPDX-License-Identifier: MIT
// Ten steps of each optimizer against PyTorch's results in tests/golden/optimizers.safetensors.
#pragma once

#include "frostline/layers/conv2d.hpp"
#include "frostline/layers/silu.hpp"
#include "frostline/models/heads.hpp"
#include "frostline/optimizers/adam.hpp"
#include "frostline/optimizers/lion.hpp"
#include "frostline/optimizers/rmsprop.hpp"
#include "frostline/train/trainer.hpp"
#include "support/golden_layer.hpp"
#include "support/internals.hpp"
#include "support/relative_error.hpp"
#include "support/snapshot.hpp"

namespace frostline::test {

/// Its gradients are never 0, which would have no sign.
using SmoothNet =
    Sequential<Conv2d<2, 5, 3, 1, 1>, SiLU, Conv2d<5, 6, 3, 2, 1>, SiLU, ClassifierHead<6, 4>>;

/// Steps with weight decay and clipping; the gradients are those of three and five images of each
/// batch of eight. The worst relative difference of a tensor's update is at most 1e-4.
template <class Backend, class Optimizer>
void check_golden_training(const std::string& name, const Optimizer& optimizer) {
  using Picture = Input<2, 6, 7>;
  const std::vector<float> images = floats("training.images");
  const std::vector<int> labels = integers("training.labels");
  Network<SmoothNet, Picture, Backend> network{max_batch(8)};
  for (const NamedTensor& tensor : network.tensors())
    network.write(tensor, std::span<const float>(floats("training.start/" + tensor.key)));
  Trainer trainer{network, CrossEntropy{}, optimizer, ClipNorm{2.5f}};
  const auto accumulate = [&](std::size_t first, std::size_t count) {
    trainer.accumulate(
        std::span(images).subspan(first * Picture::shape.size(), count * Picture::shape.size()),
        std::span(labels).subspan(first, count));
  };
  const auto compare = [&](const std::string& after) {
    for (const auto& [key, values] : snapshot(network)) {
      std::vector<float> wanted = floats(after + "/" + key), found(wanted.size());
      const std::vector<float> start = floats("training.start/" + key);
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        found[i] = values[i] - start[i];
        wanted[i] -= start[i];
      }
      const double error = relative_error(found, wanted);
      INFO(after << "/" << key << ": the update differs by " << error);
      CHECK(error < 1e-4);
    }
  };
  for (std::size_t step = 0; step < 10; ++step) {
    accumulate(step * 8, 3);
    accumulate(step * 8 + 3, 5);
    trainer.update();
    if (step == 0) compare("training." + name + ".first");
  }
  compare("training." + name);
}
template <class Backend>
void check_golden_trainings() {
  check_golden_training<Backend>(
      "sgd", Sgd{.learning_rate = 0.1f, .momentum = 0.9f, .weight_decay = 0.01f, .nesterov = true});
  check_golden_training<Backend>(
      "adam",
      Adam{.learning_rate = 0.01f, .betas = {0.8, 0.95}, .epsilon = 1e-4f, .weight_decay = 0.05f});
  check_golden_training<Backend>("adamw", AdamW{.learning_rate = 0.01f, .weight_decay = 0.3f});
  check_golden_training<Backend>("rmsprop", RMSprop{.learning_rate = 0.003f,
                                                    .alpha = 0.9,
                                                    .epsilon = 0.0316f,
                                                    .momentum = 0.9f,
                                                    .weight_decay = 0.02f});
  check_golden_training<Backend>("lion", Lion{.learning_rate = 0.003f, .weight_decay = 0.5f});
}

}  // namespace frostline::test
