// SPDX-License-Identifier: MIT
// The main job: fine-tunes a pretrained ResNet-18 on a folder of pictures, with a new head.
#include <cstdio>
#include <frostline/frostline.hpp>

#include "support/command_line.hpp"
#include "support/finetuning.hpp"

namespace fl = frostline;

// One class a folder; another data set wants another number here. The pretrained model's own
// number of classes does not matter: its head is replaced.
constexpr int classes = 10, side = 96;
using Pretrained = fl::ResNet18<16, fl::ClassifierHead<128, 34>>;
using NewHead = fl::ClassifierHead<128, classes>;

// What trains is part of the type: four models, four networks.
using HeadOnly = fl::ReplaceHead<fl::Freeze<Pretrained>, NewHead>;
using Layer4 = fl::Unfreeze<HeadOnly, "layer4", "fc">;
using Everything = fl::ReplaceHead<Pretrained, NewHead>;
using Scratch = fl::ResNet18<16, NewHead>;

// A model with a frozen beginning runs in two parts, so that the first can run once over pictures
// that are shown the same each time.
template <class Model>
using NetworkOf = std::conditional_t<fl::Split<Model>::has_prefix,
                                     fl::SplitNetwork<Model, fl::Input<3, side, side>>,
                                     fl::Network<Model, fl::Input<3, side, side>>>;
template <class Model>
auto& trained_part(NetworkOf<Model>& network) {
  if constexpr (fl::Split<Model>::has_prefix)
    return network.rest();
  else
    return network;
}
template <class Model>
fl::Executor<fl::cpu>* frozen_part(NetworkOf<Model>& network) {
  if constexpr (fl::Split<Model>::has_prefix)
    return &network.prefix().executor();
  else
    return nullptr;
}

template <class Model>
void run(const examples::FinetuningOptions& options) {
  const std::filesystem::path data(options.data), out(options.out);
  const examples::DataSet training = examples::load_data_set(data / "train", classes);
  const examples::DataSet validation = examples::load_data_set(data / "val", classes);
  std::filesystem::create_directories(out);

  NetworkOf<Model> network{fl::max_batch(options.batch), fl::seed(options.seed)};
  std::printf("--train %s: %zu of %zu parameters train, on %zu pictures; %zu to validate\n",
              options.mode.c_str(), network.trainable_count(), network.parameter_count(),
              training.size(), validation.size());
  if (options.mode == "scratch" || options.weights == "none")
    std::printf("no pretrained weights: Kaiming initialisation from the seed\n");
  else
    std::printf("%s: %s\n", options.weights.c_str(),
                fl::load_pretrained(network, options.weights).text().c_str());

  fl::Trainer trainer{trained_part<Model>(network), fl::CrossEntropy{.label_smoothing = 0.1f},
                      fl::Sgd{.momentum = 0.9f, .weight_decay = 5e-4f, .nesterov = true}};
  examples::TrainerOf any(trainer, frozen_part<Model>(network));
  examples::finetune(any, {network.trainable_count(), network.parameter_count(), network.threads()},
                     training, validation, options);

  std::string names;  // for predict
  for (const std::string& name : training.classes) names += (names.empty() ? "" : "\n") + name;
  fl::save(network, out / "finetuned.safetensors", fl::ElementType::f32,
           {{"format", "pt"}, {"classes", names}});
  std::printf("\nwrote finetuned.safetensors, report.html and result.json to %s\n",
              std::filesystem::absolute(out).lexically_normal().c_str());
}

int main(int argc, char** argv) {
  examples::FinetuningOptions options;
  options.learning_rate = 0;
  bool still = false;
  options.smallest_crop = 0.8;  // a frozen backbone cannot learn what a crop does to its features
  examples::CommandLine line(
      "Fine-tunes a ResNet-18 of width 16 on DATA/train and DATA/val, one folder a class");
  line.choice("--train", options.mode, "what trains: head, layer4 (and head), all, or scratch",
              {"head", "layer4", "all", "scratch"});
  line.text("--data", options.data, "folder with train/ and val/");
  line.text("--weights", options.weights, "pretrained weights, or none");
  line.number("--epochs", options.epochs, "passes over the data", 1, 100000);
  line.number("--batch", options.batch, "pictures a step", 2, 4096);
  line.number("--learning-rate", options.learning_rate,
              "the highest, it follows a cosine; 0: 0.05 for head and scratch, else 0.02");
  line.share("--smallest-crop", options.smallest_crop, "share of a picture that a crop keeps");
  line.flag("--no-augment", still,
            "pictures as they are: no random crops, no mirroring; what is frozen then runs once");
  line.choice("--cache", options.cache, "of what frozen layers give for pictures that don't change",
              {"f32", "f16", "none"});
  line.number("--seed", options.seed, "of what is drawn at random");
  line.text("--out", options.out, "folder for what is written");
  line.parse(argc, argv);
  options.augment = !still;
  const bool fresh = options.mode == "head" || options.mode == "scratch";
  if (options.learning_rate == 0) options.learning_rate = fresh ? 0.05f : 0.02f;

  try {
    if (options.mode == "head")
      run<HeadOnly>(options);
    else if (options.mode == "layer4")
      run<Layer4>(options);
    else if (options.mode == "all")
      run<Everything>(options);
    else
      run<Scratch>(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
