// SPDX-License-Identifier: MIT
// LibTorch as a contestant: variants eager and eager-cl (channels_last), in every row.
#include "compile/libtorch_resnet.hpp"
#include "peers/contest.hpp"

namespace {

struct Trainee {
  peer::ResNet18 model{64, 10};
  std::string row;
  torch::MemoryFormat layout;

  torch::Tensor stem(torch::Tensor x) {
    x = torch::relu(model->bn1(model->conv1(x)));
    x = torch::max_pool2d(x, /*kernel_size=*/3, /*stride=*/2, /*padding=*/1);
    return model->layer3->forward(model->layer2->forward(model->layer1->forward(x)));
  }
  torch::Tensor end(torch::Tensor x) {
    return torch::adaptive_avg_pool2d(model->layer4->forward(x), {1, 1}).flatten(1);
  }
  /// The frozen part, without gradients.
  torch::Tensor frozen(torch::Tensor x) {
    const torch::NoGradGuard no_gradients;
    x = x.contiguous(layout);
    if (row == "all") return x;
    return row == "layer4" ? stem(x) : end(stem(x));
  }
  torch::Tensor trainable(torch::Tensor x) {
    if (row == "all") return model->forward(x);
    return model->fc(row == "layer4" ? end(x) : x);
  }
};

/// Freezes the layers that the row says and puts them in evaluation mode. Returns the trainable
/// parameters.
std::vector<torch::Tensor> freeze(Trainee& trainee) {
  std::vector<torch::Tensor> parameters;
  trainee.model->train();
  for (const auto& child : trainee.model->named_children()) {
    const bool trains = trainee.row == "all" || child.key() == "fc" ||
                        (trainee.row == "layer4" && child.key() == "layer4");
    child.value()->train(trains);
    for (auto& parameter : child.value()->parameters()) {
      parameter.requires_grad_(trains);
      if (trains) parameters.push_back(parameter);
    }
  }
  return parameters;
}

void run(const contest::Options& options) {
  at::set_num_threads(options.threads);
  const bool last = options.variant == "eager-cl";
  const bool cached = options.variant == "eager-cached";
  Trainee trainee{.row = options.row,
                  .layout = last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous};
  peer::load_backbone(trainee.model, options.weights, /*head=*/true);
  if (last)
    for (auto& parameter : trainee.model->parameters())
      if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(trainee.layout));
  torch::optim::SGD optimizer(freeze(trainee), torch::optim::SGDOptions(1e-3).momentum(0.9));

  const auto train = [&](const torch::Tensor& inputs, const torch::Tensor& labels) {
    optimizer.zero_grad();
    auto loss = torch::nn::functional::cross_entropy(trainee.trainable(inputs), labels);
    loss.backward();
    optimizer.step();
    return loss.item<float>();
  };
  const auto epochs = [&](const torch::Tensor& images, const torch::Tensor& labels) {
    auto inputs = images.split(options.batch);
    const auto targets = labels.split(options.batch);
    if (cached)
      for (auto& input : inputs) input = trainee.frozen(input);
    std::vector<float> losses;
    for (int epoch = 0; epoch < 10; ++epoch) {
      float sum = 0;
      for (std::size_t i = 0; i < inputs.size(); ++i)
        sum += train(cached ? inputs[i] : trainee.frozen(inputs[i]), targets[i]);
      losses.push_back(sum / float(inputs.size()));
    }
    return losses;
  };
  contest::run(options, [&](contest::Batch& batch) {
    const auto images = torch::from_blob(batch.images.data(), {options.images, 3, 224, 224});
    const auto labels = torch::from_blob(batch.labels.data(), {options.images}, torch::kInt);
    if (options.row == "inference") {
      const torch::InferenceMode inference;
      const auto logits = trainee.model->fc(trainee.frozen(images)).contiguous();
      return std::vector<float>(logits.data_ptr<float>(),
                                logits.data_ptr<float>() + logits.numel());
    }
    if (options.row == "epochs") return epochs(images, labels.to(torch::kLong));
    return std::vector<float>{train(trainee.frozen(images), labels.to(torch::kLong))};
  });
}

}  // namespace

int main(int argc, char** argv) { return contest::run_main(argc, argv, run); }
