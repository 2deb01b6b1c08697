// SPDX-License-Identifier: MIT
// The job of examples/tutorial.cpp in dlib: ResNet-18, all of it frozen, trains a new head.
// Freezing is a learning rate of 0, and batch norm uses the batch's statistics as it trains.
#include <dlib/dnn.h>

#include <array>
#include <cstdio>
#include <iostream>
#include <random>
#include <vector>

#include "support/command_line.hpp"

// Shapes are torchvision's: the padding is written out, because dlib pads no strided convolution.
template <long Out, long Kernel, long Stride, class Subnet>
using Convolution =
    dlib::add_layer<dlib::con_<Out, Kernel, Kernel, Stride, Stride, Kernel / 2, Kernel / 2>,
                    Subnet>;

template <long Out, long Stride, class Subnet>
using Main = dlib::bn_con<
    Convolution<Out, 3, 1, dlib::relu<dlib::bn_con<Convolution<Out, 3, Stride, Subnet>>>>>;
template <long Out, class Subnet>
using Block = dlib::relu<dlib::add_prev1<Main<Out, 1, dlib::tag1<Subnet>>>>;
template <long Out, class Subnet>
using DownBlock = dlib::relu<dlib::add_prev2<dlib::bn_con<
    Convolution<Out, 1, 2, dlib::skip1<dlib::tag2<Main<Out, 2, dlib::tag1<Subnet>>>>>>>>;

template <class Subnet>
using Stem = dlib::add_layer<dlib::max_pool_<3, 3, 2, 2, 1, 1>,
                             dlib::relu<dlib::bn_con<Convolution<64, 7, 2, Subnet>>>>;
template <class Subnet>
using Layer1 = Block<64, Block<64, Subnet>>;
template <long Out, class Subnet>
using Layer = Block<Out, DownBlock<Out, Subnet>>;

using Image = std::array<dlib::matrix<float>, 3>;
template <long Classes>
using ResNet18 = dlib::loss_multiclass_log<
    dlib::fc<Classes, dlib::avg_pool_everything<
                          Layer<512, Layer<256, Layer<128, Layer1<Stem<dlib::input<Image>>>>>>>>>;

int main(int argc, char** argv) {
  std::string weights;
  std::uint64_t seed = 0;
  bool summary = false;
  examples::CommandLine line(
      "Trains a new ten-class head on a frozen ResNet-18, on a random batch");
  line.file("--weights", weights, "a 1000-class network that dlib has serialized");
  line.number("--seed", seed, "of the batch");
  line.flag("--summary", summary, "print the layers");
  line.parse(argc, argv);

  ResNet18<10> network;
  if (!weights.empty()) {
    ResNet18<1000> pretrained;
    dlib::deserialize(weights) >> pretrained;
    dlib::layer<2>(network) = dlib::layer<2>(pretrained);
  }
  dlib::set_all_learning_rate_multipliers(network, 0);
  auto& head = dlib::layer<1>(network).layer_details();
  head.set_learning_rate_multiplier(1);
  head.set_bias_learning_rate_multiplier(1);
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
