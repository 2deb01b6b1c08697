// SPDX-License-Identifier: MIT
// The job of examples/tutorial.cpp in LibTorch: a frozen ResNet-18 gets a new head, which trains.
#include <cstdio>
#include <iostream>
#include <string>

#include "libtorch_resnet.hpp"
#include "support/command_line.hpp"

int main(int argc, char** argv) {
  std::string weights;
  std::uint64_t seed = 0;
  bool summary = false;
  examples::CommandLine line(
      "Trains a new ten-class head on a frozen ResNet-18, on a random batch");
  line.file("--weights", weights, "torchvision's file, resnet18.pth");
  line.number("--seed", seed, "seed of the new head and of the batch");
  line.flag("--summary", summary, "print the modules");
  line.parse(argc, argv);

  torch::manual_seed(seed);
  peer::ResNet18 model;
  if (!weights.empty()) peer::load_backbone(model, weights);
  for (auto& parameter : model->parameters()) parameter.requires_grad_(false);
  model->fc = model->replace_module("fc", torch::nn::Linear(512, 10));
  if (summary) std::cout << model << '\n';

  const auto images = torch::randn({5, 3, 224, 224});
  const auto labels = torch::randint(10, {5}, torch::kLong);
  torch::nn::CrossEntropyLoss criterion;
  torch::optim::SGD optimizer(model->fc->parameters(),
                              torch::optim::SGDOptions(1e-3).momentum(0.9));
  for (int epoch = 1; epoch <= 5; ++epoch) {
    optimizer.zero_grad();
    auto loss = criterion(model(images), labels);
    loss.backward();
    optimizer.step();
    std::printf("Epoch %d/5, Loss: %.4f\n", epoch, loss.item<double>());
  }
}
