// SPDX-License-Identifier: MIT
// The transfer-learning tutorial: a frozen ResNet-18 learns ten new classes from a random batch.
#include <cstdio>
#include <frostline/frostline.hpp>
#include <random>

#include "support/command_line.hpp"

namespace fl = frostline;

// A frozen ResNet-18 with a new, trainable head for ten classes.
#ifdef TRAIN_ALL  // the positive control of tests/absence
using Model = fl::ResNet18<64, fl::ClassifierHead<512, 10>>;
#else
using Model = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, fl::ClassifierHead<512, 10>>;
#endif

int main(int argc, char** argv) {
  std::string weights;
  std::uint64_t seed = 0;
  bool summary = false;
  examples::CommandLine line(
      "Trains a new ten-class head on a frozen ResNet-18, on a random batch");
  line.file("--weights", weights, "torchvision's file: resnet18.pth or .safetensors");
  line.number("--seed", seed, "seed of the new head and of the batch");
  line.flag("--summary", summary, "print the table of layers");
  line.parse(argc, argv);

  try {
    fl::Network<Model, fl::Input<3, 224, 224>> network{fl::max_batch(5), fl::seed(seed)};
    if (summary) std::printf("%s\n", fl::summary(network).c_str());
    if (weights.empty())
      std::printf("no --weights: Kaiming initialisation\n");
    else
      std::printf("%s: %s\n", weights.c_str(),
                  fl::load_pretrained(network, weights).text().c_str());

    std::mt19937_64 random{seed};
    std::normal_distribution<float> normal;
    std::vector<float> images(5 * 3 * 224 * 224);
    for (float& pixel : images) pixel = normal(random);
    std::vector<int> labels(5);
    for (int& label : labels) label = int(random() % 10);

    fl::Trainer trainer{network, fl::CrossEntropy{},
                        fl::Sgd{.learning_rate = 1e-3f, .momentum = 0.9f}};
    for (int epoch = 1; epoch <= 5; ++epoch)
      std::printf("Epoch %d/5, Loss: %.4f\n", epoch, double(trainer.step(images, labels)));
  } catch (const fl::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
