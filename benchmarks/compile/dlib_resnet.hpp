// SPDX-License-Identifier: MIT
// ResNet-18 in dlib, with torchvision's shapes.
#pragma once

#include <dlib/dnn.h>

#include <array>

namespace peer {

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

/// Freezes all layers but the head with a learning rate of 0.
template <class Network>
void freeze_backbone(Network& network) {
  dlib::set_all_learning_rate_multipliers(network, 0);
  auto& head = dlib::layer<1>(network).layer_details();
  head.set_learning_rate_multiplier(1);
  head.set_bias_learning_rate_multiplier(1);
}

}  // namespace peer
