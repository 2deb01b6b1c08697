// SPDX-License-Identifier: MIT
// ResNet-18 in LibTorch, with torchvision's structure, names and initialisation.
#pragma once

#include <torch/torch.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace peer {

inline torch::nn::Conv2d convolution(int in, int out, int kernel, int stride, int padding) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(padding).bias(false));
}

/// Two 3x3 convolutions and a shortcut. Shapes: (N, in, H, W) to (N, out, H / stride, W / stride).
struct BasicBlockImpl : torch::nn::Module {
  BasicBlockImpl(int in, int out, int stride)
      : conv1(register_module("conv1", convolution(in, out, 3, stride, 1))),
        bn1(register_module("bn1", torch::nn::BatchNorm2d(out))),
        conv2(register_module("conv2", convolution(out, out, 3, 1, 1))),
        bn2(register_module("bn2", torch::nn::BatchNorm2d(out))) {
    if (stride != 1 || in != out)
      downsample = register_module(
          "downsample",
          torch::nn::Sequential(convolution(in, out, 1, stride, 0), torch::nn::BatchNorm2d(out)));
  }

  torch::Tensor forward(torch::Tensor x) {
    auto y = torch::relu(bn1(conv1(x)));
    y = bn2(conv2(y));
    return torch::relu(y + (downsample ? downsample->forward(x) : x));
  }

  torch::nn::Conv2d conv1;
  torch::nn::BatchNorm2d bn1;
  torch::nn::Conv2d conv2;
  torch::nn::BatchNorm2d bn2;
  torch::nn::Sequential downsample{nullptr};
};
TORCH_MODULE(BasicBlock);

/// Shapes: (N, 3, H, W) to (N, classes). Source: torchvision/models/resnet.py
struct ResNet18Impl : torch::nn::Module {
  explicit ResNet18Impl(int width = 64, int classes = 1000)
      : conv1(register_module("conv1", convolution(3, width, 7, 2, 3))),
        bn1(register_module("bn1", torch::nn::BatchNorm2d(width))),
        layer1(register_module("layer1", stage(width, width, 1))),
        layer2(register_module("layer2", stage(width, 2 * width, 2))),
        layer3(register_module("layer3", stage(2 * width, 4 * width, 2))),
        layer4(register_module("layer4", stage(4 * width, 8 * width, 2))),
        fc(register_module("fc", torch::nn::Linear(8 * width, classes))) {
    for (const auto& module : modules(/*include_self=*/false))
      if (auto* convolution = module->as<torch::nn::Conv2d>())
        torch::nn::init::kaiming_normal_(convolution->weight, 0, torch::kFanOut, torch::kReLU);
  }

  torch::Tensor forward(torch::Tensor x) {
    x = torch::relu(bn1(conv1(x)));
    x = torch::max_pool2d(x, /*kernel_size=*/3, /*stride=*/2, /*padding=*/1);
    x = layer4->forward(layer3->forward(layer2->forward(layer1->forward(x))));
    return fc(torch::adaptive_avg_pool2d(x, {1, 1}).flatten(1));
  }

  static torch::nn::Sequential stage(int in, int out, int stride) {
    return torch::nn::Sequential(BasicBlock(in, out, stride), BasicBlock(out, out, 1));
  }

  torch::nn::Conv2d conv1;
  torch::nn::BatchNorm2d bn1;
  torch::nn::Sequential layer1, layer2, layer3, layer4;
  torch::nn::Linear fc;
};
TORCH_MODULE(ResNet18);

/// Copies a state dict from a zip file of torch.save or torch::pickle_save, with or without its
/// head.
inline void load_backbone(ResNet18& model, const std::string& path, bool head = false) {
  std::ifstream file(path, std::ios::binary);
  TORCH_CHECK(file, "cannot read '", path, "'");
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const auto state = torch::pickle_load(bytes).toGenericDict();
  const torch::NoGradGuard no_gradients;
  for (auto& item : model->named_parameters())
    if (head || item.key().rfind("fc.", 0) != 0)
      item.value().copy_(state.at(item.key()).toTensor());
  for (auto& item : model->named_buffers())  // files of 2018 have no num_batches_tracked
    if (state.contains(item.key())) item.value().copy_(state.at(item.key()).toTensor());
}

}  // namespace peer
