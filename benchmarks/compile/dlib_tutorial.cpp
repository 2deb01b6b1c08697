// SPDX-License-Identifier: MIT
// The job of examples/tutorial.cpp in dlib: a frozen ResNet-18 gets a new head, which trains.
// Freezing is a learning rate of 0, and batch norm uses batch statistics in training.
#include <cstdio>
#include <iostream>
#include <random>
#include <vector>

#include "dlib_resnet.hpp"
#include "support/command_line.hpp"

using peer::Image;
using peer::ResNet18;

int main(int argc, char** argv) {
  std::string weights;
  std::uint64_t seed = 0;
  bool summary = false;
  examples::CommandLine line(
      "Trains a new ten-class head on a frozen ResNet-18, on a random batch");
  line.file("--weights", weights, "a 1000-class network that dlib has serialized");
  line.number("--seed", seed, "seed of the batch");
  line.flag("--summary", summary, "print the layers");
  line.parse(argc, argv);

  ResNet18<10> network;
  if (!weights.empty()) {
    ResNet18<1000> pretrained;
    dlib::deserialize(weights) >> pretrained;
    dlib::layer<2>(network) = dlib::layer<2>(pretrained);
  }
  peer::freeze_backbone(network);
  if (summary) std::cout << network << '\n';

  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<Image> images(5);
  for (Image& image : images)
    for (dlib::matrix<float>& channel : image) {
      channel.set_size(224, 224);
      for (float& value : channel) value = normal(generator);
    }
  std::vector<unsigned long> labels(5);
  for (unsigned long& label : labels) label = generator() % 10;

  dlib::dnn_trainer<ResNet18<10>> trainer(network, dlib::sgd(/*weight_decay=*/0, /*momentum=*/0.9));
  trainer.set_learning_rate(1e-3);
  for (int epoch = 1; epoch <= 5; ++epoch) {
    trainer.clear_average_loss();
    trainer.train_one_step(images, labels);
    std::printf("Epoch %d/5, Loss: %.4f\n", epoch, trainer.get_average_loss());
  }
}
