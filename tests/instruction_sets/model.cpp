// SPDX-License-Identifier: MIT
// A network's outputs before and after five steps; compiled once for each instruction set.
#include <frostline/frostline.hpp>
#include <vector>

namespace fl = frostline;

using Model = fl::Unfreeze<fl::ReplaceHead<fl::Freeze<fl::ResNet18<8>>, fl::ClassifierHead<64, 5>>,
                           "layer4.1", "fc">;

std::vector<float> RUN() {
  fl::Network<Model, fl::Input<3, 40, 33>> network{fl::max_batch(3), fl::seed(11)};
  std::vector<float> images(3 * 3 * 40 * 33), results;
  for (std::size_t i = 0; i < images.size(); ++i)
    images[i] = float(int(i * 7919 % 2003) - 1001) / 1001.0f;
  const std::vector<int> labels{4, 0, 2};
  const auto keep = [&](std::span<const float> outputs) {
    results.insert(results.end(), outputs.begin(), outputs.end());
  };
  keep(network.predict(images));
  fl::Trainer trainer{network, fl::CrossEntropy{}, fl::Sgd{.learning_rate = 0.01f}};
  for (int step = 0; step < 5; ++step) results.push_back(trainer.step(images, labels));
  keep(network.predict(images));
  results.push_back(float(fl::detail::lanes));
  return results;
}
