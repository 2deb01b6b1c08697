// SPDX-License-Identifier: MIT
// The steps of finetune's recipes on any backend; one source file per backend includes this.
#pragma once

#include <cstdio>

#include "finetuning.hpp"
#include "frostline/checkpoint/load.hpp"
#include "frostline/checkpoint/save.hpp"
#include "frostline/network/network.hpp"
#include "frostline/train/trainer.hpp"
#include "last_features.hpp"
#include "models.hpp"

// CMake defines which of models.hpp's networks this program is for, and the size of its input.
#ifndef FROSTLINE_MODEL
#define FROSTLINE_MODEL resnet18_w16
#endif
#define FROSTLINE_TEXT_OF(name) #name
#define FROSTLINE_TEXT(name) FROSTLINE_TEXT_OF(name)

namespace fl = frostline;

using Chosen = examples::models::FROSTLINE_MODEL;
constexpr const char* model_name = FROSTLINE_TEXT(FROSTLINE_MODEL);
#ifdef FROSTLINE_SIZE
constexpr int side = FROSTLINE_SIZE;
#else
constexpr int side = Chosen::size;
#endif

/// Weights and biases of a head.
struct LinearWeights {
  std::vector<float> weight, bias;
};

/// A linear layer on features of this size, as a network.
template <int Features, class Backend>
using HeadNetwork =
    fl::Network<fl::ClassifierHead<Features, fl::AtMost<1000>>, fl::Input<Features, 1, 1>, Backend>;

/// One step of a recipe: a network of its own. It begins with the head `from`, if there is one, and
/// with `probes` it only fits the head. Returns the head. The last step writes the results.
template <class Model, class Backend>
LinearWeights step(examples::Finetuning& run, const examples::FinetuningOptions& options,
                   const char* mode, bool probes, const LinearWeights* from = nullptr,
                   bool is_last = true) {
  using Network = fl::Network<Model, fl::Input<3, side, side>, Backend>;
  Network network{fl::max_batch(options.batch), fl::classes(run.classes()), fl::seed(options.seed)};
  run.begin({network.trainable_count(), network.parameter_count(), network.threads()}, mode);
  if (options.weights == "none")
    std::printf("no pretrained weights: initial values from the seed\n");
  else
    std::printf("%s: %s\n", options.weights.c_str(),
                fl::load_pretrained(network, options.weights).text().c_str());
  const std::string linear(Chosen::linear());
  const auto write = [&](std::span<const float> weight, std::span<const float> bias) {
    network.write(network.tensor(linear + ".weight"), weight);
    network.write(network.tensor(linear + ".bias"), bias);
  };
  if (from) write(from->weight, from->bias);

  // A head of a probe is sure of its training samples, which smoothed labels would undo.
  const fl::CrossEntropy loss{.label_smoothing = from || probes ? 0.0f : 0.1f};
  const fl::Sgd optimizer{.learning_rate = options.learning_rate,
                          .momentum = 0.9f,
                          .weight_decay = 5e-4f,
                          .nesterov = true};
  const auto with_trainer = [&](const auto& chosen, const auto& action) {
    fl::Trainer trainer{network, loss, chosen};
    fl::FitTargetOf target(trainer);
    action(target);
  };
  const auto fit = [&](fl::FitTarget& target) { run.fit(target); };
  if (probes) {
    with_trainer(optimizer, [&](fl::FitTarget& target) { run.probe(target, write); });
  } else if constexpr (std::same_as<Model, typename Chosen::HeadOnly>) {
    if (run.augments()) {
      with_trainer(optimizer, fit);
    } else {
      HeadNetwork<int(Network::feature_shape.size()), Backend> head{
          fl::max_batch(options.batch), fl::classes(run.classes()), fl::seed(options.seed)};
      // On standardised features a penalty costs the same for each, and as much as a probe's does.
      fl::Sgd penalised = optimizer;
      penalised.weight_decay = 0.03f;
      fl::Trainer head_trainer{head, loss, penalised};
      fl::FitTargetOf head_target(head_trainer);
      with_trainer(optimizer, [&](fl::FitTarget& target) {
        run.fit_head(target, head_target, [&](const fl::Standardization& standard) {
          std::vector<float> weight = head.values("fc.weight"), bias = head.values("fc.bias");
          standard.fold(std::span(weight), std::span(bias));
          write(weight, bias);
        });
      });
    }
  } else if (!from) {
    with_trainer(optimizer, fit);
  } else {
    with_trainer(fl::Averaged{optimizer, 0.98f}, fit);
    if (options.weights != "none" && run.keeps_probe()) {
      fl::load_pretrained(network, options.weights);
      write(from->weight, from->bias);
    }
  }
  if (is_last)
    run.finish(
        [&](const std::filesystem::path& file, const std::map<std::string, std::string>& metadata) {
          fl::save(network, file, {.metadata = metadata});
        },
        [&](const std::filesystem::path& file) {
          return examples::last_features<typename Chosen::Everything>(network, file);
        });
  return {network.values(linear + ".weight"), network.values(linear + ".bias")};
}

template <class Backend>
void run_recipe(const examples::FinetuningOptions& options) {
  examples::Finetuning run(options);
  if (options.recipe == "probe" || options.recipe == "head") {
    step<Chosen::HeadOnly, Backend>(run, options, "head", options.recipe == "probe");
  } else if (options.recipe == "lp-ft") {
    const LinearWeights probed =
        step<Chosen::HeadOnly, Backend>(run, options, "head", true, nullptr, false);
    step<Chosen::LastStageAndHead, Backend>(run, options, "last-stage", false, &probed);
  } else if (options.recipe == "last-stage") {
    step<Chosen::LastStageAndHead, Backend>(run, options, "last-stage", false);
  } else {
    step<Chosen::Everything, Backend>(run, options, "all", false);
  }
}
