// SPDX-License-Identifier: MIT
// Trains a whole ResNet-18 of width 16 on a folder of 96x96 pictures; it can then be fine-tuned.
#include <cstdio>
#include <frostline/frostline.hpp>

#include "support/command_line.hpp"
#include "support/data_set.hpp"
#include "support/output.hpp"
#include "support/watch.hpp"

namespace fl = frostline;

// One class per folder; another data set needs another number here.
constexpr int classes = 34, side = 96;
using Model = fl::ResNet18<16, fl::ClassifierHead<128, classes>>;
using Net = fl::Network<Model, fl::Input<3, side, side>>;

int main(int argc, char** argv) {
  std::string folder, out = "resnet18-w16.safetensors";
  fl::FitOptions options{.epochs = 30, .batch = 64, .restore_best = false};
  float learning_rate = 0.1f, weight_decay = 5e-4f;
  double smallest_crop = 0.5;
  examples::CommandLine line(
      "Trains a ResNet-18 of width 16 on DATA/train and DATA/val, one folder per class");
  line.required_text("--data", folder, "folder with train/ and val/");
  line.text("--out", out, "file for the weights, 16-bit floats");
  line.number("--epochs", options.epochs, "passes over the data", 1, 100000);
  line.number("--batch", options.batch, "pictures per step", 2, 4096);
  line.number("--learning-rate", learning_rate, "highest value of a cosine");
  line.number("--weight-decay", weight_decay, "of all parameters");
  line.share("--smallest-crop", smallest_crop, "least share of a picture that a crop keeps");
  line.number("--seed", options.seed, "seed of all random numbers");
  line.parse(argc, argv);

  try {
    const std::filesystem::path file(out);
    if (file.extension() != ".safetensors")
      throw fl::Error("--out requires a name that ends in .safetensors, which is the format");
    examples::prepare_output(file.has_parent_path() ? file.parent_path() : ".",
                             {file.filename().string()}, Net::parameter_count() * sizeof(float));
    const auto [training, validation] = examples::load_data_sets(
        folder, classes, fl::TrainingTransform{.crop = side, .min_scale = smallest_crop},
        fl::EvaluationTransform{side, side});
    Net network{fl::max_batch(options.batch), fl::seed(options.seed)};
    std::printf("%zu parameters, %zu pictures to train on, %zu to validate\n",
                network.parameter_count(), training.size(), validation.size());
    fl::Trainer trainer{network, fl::CrossEntropy{.label_smoothing = 0.1f},
                        fl::Sgd{.learning_rate = learning_rate,
                                .momentum = 0.9f,
                                .weight_decay = weight_decay,
                                .nesterov = true}};
    const auto result = fl::fit(trainer, training, validation, examples::watched(options));
    fl::SaveOptions saving{.type = fl::ElementType::f16, .metadata = {{"format", "pt"}}};
    saving.metadata["validation_accuracy"] =
        std::to_string(result.kept_epoch().validation_accuracy);
    try {
      fl::save(network, out, saving);
    } catch (const fl::Error& error) {  // a number is too large for 16 bits
      std::fprintf(stderr, "%s\nso it is written with 32 bits\n", error.what());
      saving.type = fl::ElementType::f32;
      fl::save(network, out, saving);
    }
    std::printf("wrote %s\n", out.c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
