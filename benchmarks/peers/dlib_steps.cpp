// SPDX-License-Identifier: MIT
// dlib as a contestant: the network of compile/dlib_tutorial.cpp. It cannot read our weights and
// uses batch statistics in training, so its results are not compared.
#include "compile/dlib_resnet.hpp"
#include "peers/contest.hpp"

using peer::Image;
using peer::ResNet18;

std::vector<Image> images_of(const contest::Batch& batch) {
  std::vector<Image> images(batch.labels.size());
  const float* from = batch.images.data();
  for (Image& image : images)
    for (dlib::matrix<float>& channel : image) {
      channel = dlib::mat(from, 224, 224);
      from += 224 * 224;
    }
  return images;
}

void run(const contest::Options& options) {
  ResNet18<10> network;
  const auto classes = [](const contest::Batch& batch) {
    return std::vector<unsigned long>(batch.labels.begin(), batch.labels.end());
  };
  if (options.row == "inference") {
    network(images_of({std::vector<float>(contest::image_size), {0}}));  // allocates the parameters
    contest::run(options, [&](const contest::Batch& batch) {
      const auto found = network(images_of(batch), std::size_t(options.batch));
      return std::vector<float>(found.begin(), found.end());
    });
    return;
  }
  if (options.row == "head") peer::freeze_backbone(network);
  dlib::dnn_trainer<ResNet18<10>> trainer(network, dlib::sgd(/*weight_decay=*/0, /*momentum=*/0.9));
  trainer.set_learning_rate(1e-3);
  contest::run(options, [&](const contest::Batch& batch) {
    trainer.clear_average_loss();
    trainer.train_one_step(images_of(batch), classes(batch));
    return std::vector<float>{float(trainer.get_average_loss())};  // waits for the step
  });
}

int main(int argc, char** argv) { return contest::run_main(argc, argv, run); }
