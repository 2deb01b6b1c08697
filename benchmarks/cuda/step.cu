// SPDX-License-Identifier: MIT
// Some head-only training steps of ResNet-18 at 224x224, for a profile: step BATCH STEPS
#include <cstdio>
#include <cstdlib>
#include <frostline/thrust.hpp>

namespace fl = frostline;

int main(int argc, char** argv) {
  using Model = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, fl::ClassifierHead<512, 10>>;
  if (argc != 3) {
    std::fprintf(stderr, "usage: step BATCH STEPS\n");
    return 2;
  }
  try {
    const int batch = std::atoi(argv[1]), steps = std::atoi(argv[2]);
    fl::Network<Model, fl::Input<3, 224, 224>, fl::thrust_backend> network{fl::max_batch(batch)};
    fl::Trainer trainer{network, fl::CrossEntropy{}, fl::Sgd{.momentum = 0.9f}};
    const std::vector<float> images(std::size_t(batch) * 3 * 224 * 224, 0.5f);
    const std::vector<int> labels(std::size_t(batch), 3);
    for (int step = 0; step < steps; ++step)
      std::printf("loss %.4f\n", double(trainer.step(images, labels)));
  } catch (const fl::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
