// SPDX-License-Identifier: MIT
// Fine-tunes a pretrained ResNet-18 with a new head on a folder of pictures.
#include <cstdio>
#include <frostline/frostline.hpp>

#include "support/command_line.hpp"
#include "support/finetune_models.hpp"

// In finetune_thrust.cpp, if Thrust was found: CUDA, or a host's threads.
#ifdef FROSTLINE_WITH_THRUST
void finetune_by_thrust(const examples::FinetuningOptions& options);
const std::vector<std::string> backends{"cpu", "thrust"};
#else
void finetune_by_thrust(const examples::FinetuningOptions&) {}
const std::vector<std::string> backends{"cpu"};
#endif

int main(int argc, char** argv) {
  examples::FinetuningOptions options;
  bool still = false;
  std::string backend = "cpu";
  examples::CommandLine line(
      "Fine-tunes a ResNet-18 of width 16 on DATA/train and DATA/val, one folder per class");
  line.choice("--train", options.mode, "trainable layers: head, layer4 (and head), all, or scratch",
              {"head", "layer4", "all", "scratch"});
  line.text("--data", options.data, "folder with train/ and val/");
  line.text("--weights", options.weights, "pretrained weights, or none");
  line.number("--epochs", options.epochs, "passes over the data", 1, 100000);
  line.number("--batch", options.batch, "pictures per step", 2, 4096);
  line.number("--learning-rate", options.learning_rate,
              "highest value of a cosine; 0: 0.05 for head and scratch, else 0.02");
  line.share("--smallest-crop", options.smallest_crop,
             "least share of a picture that a crop keeps");
  line.flag("--no-augment", still,
            "no random crops, no mirroring; frozen layers then run once per picture");
  line.flag("--upright", options.upright, "turn photos as their EXIF data say");
  line.choice("--cache", options.cache, "type of cached features, for pictures that do not vary",
              {"f32", "f16", "none"});
  line.flag("--best", options.best, "write the weights of the best epoch, not of the last");
  line.number("--seed", options.seed, "seed of all random numbers");
  line.choice("--backend", backend, "backend that computes", backends);
  line.text("--out", options.out, "folder for the results");
  line.parse(argc, argv);
  options.augment = !still;
  const bool fresh = options.mode == "head" || options.mode == "scratch";
  if (options.learning_rate == 0) options.learning_rate = fresh ? 0.05f : 0.02f;

  try {
    if (backend == "cpu")
      run_mode<fl::cpu>(options);
    else
      finetune_by_thrust(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
