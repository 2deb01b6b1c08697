// SPDX-License-Identifier: MIT
// Trains a whole ResNet-18, 16 wide, on a folder of 96x96 pictures, to be fine-tuned afterwards.
#include <CLI/CLI.hpp>
#include <frostline/frostline.hpp>

#include "support/training.hpp"

namespace fl = frostline;

// One class a folder; another data set wants another number here.
constexpr int classes = 34, side = 96;
using Model = fl::ResNet18<16, fl::ClassifierHead<128, classes>>;

int main(int argc, char** argv) {
  CLI::App app{"Trains a ResNet-18 of width 16 on DATA/train and DATA/val, one folder a class"};
  std::filesystem::path data, out = "resnet18-w16.safetensors";
  examples::TrainingOptions options{.epochs = 30, .batch = 64, .learning_rate = 0.1f};
  float weight_decay = 5e-4f;
  app.add_option("--data", data, "folder with train/ and val/")->required();
  app.add_option("--out", out, "file for the weights, floats of 16 bits")->capture_default_str();
  app.add_option("--epochs", options.epochs)->capture_default_str()->check(CLI::Range(1, 100000));
  app.add_option("--batch", options.batch)->capture_default_str()->check(CLI::Range(2, 4096));
  app.add_option("--learning-rate", options.learning_rate, "the highest; it follows a cosine")
      ->capture_default_str();
  app.add_option("--weight-decay", weight_decay)->capture_default_str();
  app.add_option("--smallest-crop", options.smallest_crop, "share of a picture a crop keeps")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 1.0));
  app.add_option("--seed", options.seed)->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  try {
    const examples::DataSet training = examples::load_data_set(data / "train", classes);
    const examples::DataSet validation = examples::load_data_set(data / "val", classes);
    fl::Network<Model, fl::Input<3, side, side>> network{fl::max_batch(options.batch),
                                                         fl::seed(options.seed)};
    fmt::print("{} parameters, {} pictures to train on, {} to validate\n",
               fl::with_commas(std::int64_t(network.parameter_count())), training.size(),
               validation.size());
    fl::Trainer trainer{network, fl::CrossEntropy{.label_smoothing = 0.1f},
                        fl::Sgd{.learning_rate = options.learning_rate,
                                .momentum = 0.9f,
                                .weight_decay = weight_decay,
                                .nesterov = true}};
    const auto results = examples::train(trainer, training, validation, side, options);
    fl::save(network, out, fl::ElementType::f16,
             {{"format", "pt"},
              {"validation_accuracy", fmt::format("{:.4f}", results.back().validation_accuracy)}});
    fmt::print("wrote {}\n", out.string());
  } catch (const fl::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
