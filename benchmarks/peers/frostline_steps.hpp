// SPDX-License-Identifier: MIT
// frostline as a contestant on a backend; each executable is one row and one configuration of the
// library. The including file includes the backend's kernels.
#pragma once

#include <frostline/checkpoint/load.hpp>
#include <frostline/models/resnet.hpp>
#include <frostline/network/network.hpp>
#include <frostline/rewrite/frozen.hpp>
#include <frostline/rewrite/replace_head.hpp>
#include <frostline/rewrite/unfreeze.hpp>
#include <frostline/train/feature_cache.hpp>
#include <frostline/train/trainer.hpp>
#include <numeric>

#include "contest.hpp"

namespace fl = frostline;

using NewHead = fl::ClassifierHead<512, 10>;
#if defined(ROW_inference)
using Model = fl::Freeze<fl::ResNet18<64, NewHead>>;
#elif defined(ROW_head) || defined(ROW_epochs)
using Model = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, NewHead>;
#elif defined(ROW_layer4)
using Model = fl::Unfreeze<fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, NewHead>, "layer4">;
#elif defined(ROW_all)
using Model = fl::ResNet18<64, NewHead>;
#endif

// The configurations of the library; each is a column of the table.
#if defined(CONFIGURATION_default)
using Configuration = fl::Balanced;
#elif defined(CONFIGURATION_fastest)
using Configuration = fl::Fastest;
#elif defined(CONFIGURATION_small)
using Configuration = fl::SmallWeights;
#endif
using Images = fl::Input<3, 224, 224>;

[[maybe_unused]] constexpr fl::Sgd sgd{.learning_rate = 1e-3f, .momentum = 0.9f};

template <class Backend>
void run(const contest::Options& options) {
#if defined(ROW_epochs)
  fl::Network<Model, Images, Backend, Configuration> network{fl::max_batch(options.batch)};
  fl::load(network, options.weights);
  fl::Trainer trainer{network, fl::CrossEntropy{}, sgd};
  contest::run(options, [&](const contest::Batch& batch) {
    fl::FeatureCache cache{network, batch.labels.size()};
    cache.append(batch.images, batch.labels);
    std::vector<std::size_t> indices(std::size_t(options.batch));
    std::vector<float> losses;
    for (int epoch = 0; epoch < 10; ++epoch) {
      float sum = 0;
      for (std::size_t first = 0; first < batch.labels.size(); first += indices.size()) {
        std::iota(indices.begin(), indices.end(), first);
        sum += trainer.step(cache.gather(indices));
      }
      losses.push_back(sum * float(indices.size()) / float(batch.labels.size()));
    }
    return losses;
  });
#else
  fl::Network<Model, Images, Backend, Configuration> network{fl::max_batch(options.batch)};
  fl::load(network, options.weights);
#if defined(ROW_inference)
  contest::run(options, [&](const contest::Batch& batch) {
    const auto logits = network.predict(batch.images);
    return std::vector<float>(logits.begin(), logits.end());
  });
#else
  fl::Trainer trainer{network, fl::CrossEntropy{}, sgd};
  contest::run(options, [&](const contest::Batch& batch) {
    return std::vector<float>{trainer.step(batch.images, batch.labels)};
  });
#endif
#endif
}
