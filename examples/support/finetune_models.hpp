// SPDX-License-Identifier: MIT
// The models that finetune trains on any backend; one source file per backend includes this.
#pragma once

#include <cstdio>

#include "finetuning.hpp"
#include "frostline/checkpoint/load.hpp"
#include "frostline/checkpoint/save.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/network/network.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"
#include "frostline/rewrite/unfreeze.hpp"
#include "frostline/train/trainer.hpp"
#include "last_features.hpp"

namespace fl = frostline;

// One class per folder; another data set needs another number here. The pretrained model's number
// of classes does not matter, since its head is replaced.
constexpr int classes = 10, side = 96;
using Pretrained = fl::ResNet18<16, fl::ClassifierHead<128, 34>>;
using NewHead = fl::ClassifierHead<128, classes>;

// The type says which layers train: four models, four networks.
using HeadOnly = fl::ReplaceHead<fl::Freeze<Pretrained>, NewHead>;
using Layer4 = fl::Unfreeze<HeadOnly, "layer4", "fc">;
using Everything = fl::ReplaceHead<Pretrained, NewHead>;
using Scratch = fl::ResNet18<16, NewHead>;

template <class Model, class Backend>
void run(const examples::FinetuningOptions& options) {
  using Network = fl::Network<Model, fl::Input<3, side, side>, Backend>;
  examples::prepare_finetuning(options, Network::parameter_count() * sizeof(float));
  Network network{fl::max_batch(options.batch), fl::seed(options.seed)};
  if (options.mode == "scratch" || options.weights == "none")
    std::printf("no pretrained weights: Kaiming initialisation from the seed\n");
  else
    std::printf("%s: %s\n", options.weights.c_str(),
                fl::load_pretrained(network, options.weights).text().c_str());
  const examples::DataSets data = examples::load_pictures(options, classes);
  std::printf("--train %s: %zu of %zu parameters train, on %zu pictures; %zu to validate\n",
              options.mode.c_str(), network.trainable_count(), network.parameter_count(),
              data.training.size(), data.validation.size());

  fl::Trainer trainer{network, fl::CrossEntropy{.label_smoothing = 0.1f},
                      fl::Sgd{.learning_rate = options.learning_rate,
                              .momentum = 0.9f,
                              .weight_decay = 5e-4f,
                              .nesterov = true}};
  fl::FitTargetOf target(trainer);
  std::string names;  // for predict
  for (const std::string& name : data.training.classes())
    names += (names.empty() ? "" : "\n") + name;
  const std::filesystem::path out(options.out);
  examples::finetune(
      target, {network.trainable_count(), network.parameter_count(), network.threads()}, data,
      options,
      [&] {
        fl::save(network, out / "finetuned.safetensors",
                 {.metadata = {{"format", "pt"}, {"classes", names}}});
      },
      [&] { return examples::last_features<Pretrained>(network, out / "finetuned.safetensors"); });
  std::printf("\nwrote finetuned.safetensors, report.html and result.json to %s\n",
              std::filesystem::absolute(out).lexically_normal().c_str());
}

template <class Backend>
void run_mode(const examples::FinetuningOptions& options) {
  if (options.mode == "head")
    run<HeadOnly, Backend>(options);
  else if (options.mode == "layer4")
    run<Layer4, Backend>(options);
  else if (options.mode == "all")
    run<Everything, Backend>(options);
  else
    run<Scratch, Backend>(options);
}
