// SPDX-License-Identifier: MIT
// The job of examples/finetune.cpp in LibTorch: fine-tunes a ResNet-18 of width 16 on 96x96
// pictures, with the pictures and the progress bar of examples/support, without the report.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "libtorch_resnet.hpp"
#include "pictures.hpp"
#include "support/command_line.hpp"
#include "support/progress.hpp"

namespace {

constexpr int classes = 10, side = 96;

struct Options {
  std::string mode = "head", data = "examples/data/clipart10", weights = "none", out = "out";
  int epochs = 30, batch = 32;
  float learning_rate = 0.05f;
  double smallest_crop = 0.5;
  std::uint64_t seed = 0;
};

/// The trainable parameters; everything else is frozen, including statistics.
std::vector<std::shared_ptr<torch::nn::Module>> trainable(const peer::ResNet18& model,
                                                          const std::string& mode) {
  if (mode == "head") return {model->fc.ptr()};
  if (mode == "layer4") return {model->layer4.ptr(), model->fc.ptr()};
  return {model.ptr()};
}

double cosine(double peak, int warmup, int steps, int step) {
  if (step < warmup) return peak * (step + 1) / warmup;
  const double progress = double(step - warmup) / std::max(1, steps - warmup);
  return peak * 0.5 * (1 + std::cos(M_PI * std::min(1.0, progress)));
}

std::vector<std::vector<std::size_t>> in_batches(const std::vector<std::size_t>& order,
                                                 std::size_t size) {
  std::vector<std::vector<std::size_t>> batches;
  for (std::size_t first = 0; first < order.size(); first += size)
    batches.emplace_back(order.begin() + std::ptrdiff_t(first),
                         order.begin() + std::ptrdiff_t(std::min(order.size(), first + size)));
  return batches;
}

/// Views of a batch, which must outlive them.
std::pair<torch::Tensor, torch::Tensor> tensors(peer::Batch& batch) {
  const auto count = std::int64_t(batch.labels.size());
  return {torch::from_blob(batch.images.data(), {count, 3, side, side}),
          torch::from_blob(batch.labels.data(), {count}, torch::kLong)};
}

/// The mean loss and the accuracy over a data set, in evaluation mode.
std::pair<double, double> evaluate(peer::ResNet18& model, torch::nn::CrossEntropyLoss& criterion,
                                   const peer::Pictures& pictures, int batch_size) {
  const torch::NoGradGuard no_gradients;
  model->eval();
  std::vector<std::size_t> order(pictures.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  double loss_sum = 0, correct = 0;
  for (const auto& indices : in_batches(order, std::size_t(batch_size))) {
    peer::Batch batch = pictures.batch(indices, side);
    const auto [images, labels] = tensors(batch);
    const auto logits = model(images);
    loss_sum += criterion(logits, labels).item<double>() * double(indices.size());
    correct += (logits.argmax(1) == labels).sum().item<double>();
  }
  return {loss_sum / double(order.size()), correct / double(order.size())};
}

void save(const peer::ResNet18& model, const std::filesystem::path& path) {
  c10::Dict<std::string, torch::Tensor> state;
  for (const auto& item : model->named_parameters())
    state.insert(item.key(), item.value().detach());
  for (const auto& item : model->named_buffers()) state.insert(item.key(), item.value());
  const std::vector<char> bytes = torch::pickle_save(state);
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), std::streamsize(bytes.size()));
  file.close();
  TORCH_CHECK(file, "cannot write '", path.string(), "'");
}

void run(const Options& options) {
  const peer::Pictures training(options.data + "/train", classes);
  const peer::Pictures validation(options.data + "/val", classes);
  std::filesystem::create_directories(options.out);

  torch::manual_seed(options.seed);
  peer::ResNet18 model(16, classes);
  if (options.mode != "scratch" && options.weights != "none")
    peer::load_backbone(model, options.weights);
  for (auto& parameter : model->parameters()) parameter.requires_grad_(false);
  std::vector<torch::Tensor> parameters;
  for (const auto& module : trainable(model, options.mode))
    for (auto& parameter : module->parameters())
      parameters.push_back(parameter.requires_grad_(true));

  torch::nn::CrossEntropyLoss criterion(torch::nn::CrossEntropyLossOptions().label_smoothing(0.1));
  torch::optim::SGD optimizer(parameters, torch::optim::SGDOptions(options.learning_rate)
                                              .momentum(0.9)
                                              .weight_decay(5e-4)
                                              .nesterov(true));
  auto& settings = static_cast<torch::optim::SGDOptions&>(optimizer.param_groups()[0].options());
  int step = 0;
  double accuracy = 0;
  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    model->eval();
    for (const auto& module : trainable(model, options.mode)) module->train();
    examples::Progress progress(
        "epoch " + std::to_string(epoch) + "/" + std::to_string(options.epochs), training.size());
    const auto batches =
        in_batches(training.shuffled(options.seed, epoch), std::size_t(options.batch));
    const int steps = int(batches.size());
    std::size_t done = 0;
    double losses = 0;
    for (const auto& indices : batches) {
      peer::Batch batch =
          training.batch_at_random(indices, side, options.smallest_crop, options.seed, epoch);
      const auto [images, labels] = tensors(batch);
      settings.lr(cosine(options.learning_rate, steps, steps * options.epochs, step++));
      optimizer.zero_grad();
      auto loss = criterion(model(images), labels);
      loss.backward();
      optimizer.step();
      done += indices.size();
      losses += loss.item<double>() * double(indices.size());
      progress.show(done, losses / double(done));
    }
    progress.finish();
    double validation_loss = 0;
    std::tie(validation_loss, accuracy) = evaluate(model, criterion, validation, options.batch);
    std::printf("epoch %3d/%d  loss %.4f  validation loss %.4f  accuracy %5.1f %%  %.0f images/s\n",
                epoch, options.epochs, losses / double(done), validation_loss, 100 * accuracy,
                double(done) / progress.seconds());
    std::fflush(stdout);
  }
  const auto path = std::filesystem::path(options.out) / "finetuned.pth";
  save(model, path);
  std::printf("\nvalidation accuracy %.1f %%\nwrote %s\n", 100 * accuracy, path.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  options.learning_rate = 0;
  examples::CommandLine line(
      "Fine-tunes a ResNet-18 of width 16 on DATA/train and DATA/val, one folder per class");
  line.choice("--train", options.mode, "trainable layers: head, layer4 (and head), all, or scratch",
              {"head", "layer4", "all", "scratch"});
  line.text("--data", options.data, "folder with train/ and val/");
  line.text("--weights", options.weights, "a state dict of ResNet-18, 16 wide, or none");
  line.number("--epochs", options.epochs, "passes over the data", 1, 100000);
  line.number("--batch", options.batch, "pictures per step", 2, 4096);
  line.number("--learning-rate", options.learning_rate,
              "highest value of a cosine; 0: 0.05 for head and scratch, else 0.02");
  line.share("--smallest-crop", options.smallest_crop,
             "least share of a picture that a crop keeps");
  line.number("--seed", options.seed, "seed of all random numbers");
  line.text("--out", options.out, "folder for the results");
  line.parse(argc, argv);
  const bool fresh = options.mode == "head" || options.mode == "scratch";
  if (options.learning_rate == 0) options.learning_rate = fresh ? 0.05f : 0.02f;

  try {
    run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
