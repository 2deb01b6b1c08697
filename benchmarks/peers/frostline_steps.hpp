// SPDX-License-Identifier: MIT
// frostline as a contestant on a backend; each executable is one network, one row and one
// configuration of the library. The including file includes the backend's kernels.
#pragma once

#include <frostline/checkpoint/load.hpp>
#include <frostline/models/efficientnet_lite.hpp>
#include <frostline/models/mobilenet_v2.hpp>
#include <frostline/models/resnet.hpp>
#include <frostline/models/vit.hpp>
#include <frostline/network/network.hpp>
#include <frostline/rewrite/frozen.hpp>
#include <frostline/rewrite/replace_head.hpp>
#include <frostline/rewrite/unfreeze.hpp>
#include <frostline/train/feature_cache.hpp>
#include <frostline/train/trainer.hpp>
#include <numeric>

#include "contest.hpp"

namespace fl = frostline;

// peers/networks.py has the same networks. LastStage<Model> trains the last stage and the head.
#if defined(NETWORK_resnet18)
using NewHead = fl::ClassifierHead<512, 10>;
template <class Head = fl::ClassifierHead<512, 1000>>
using Net = fl::ResNet18<64, Head>;
template <class Model>
using LastStage = fl::Unfreeze<Model, "layer4">;
#elif defined(NETWORK_resnet50)
using NewHead = fl::ClassifierHead<2048, 10>;
template <class Head = fl::ClassifierHead<2048, 1000>>
using Net = fl::ResNet50<64, Head>;
template <class Model>
using LastStage = fl::Unfreeze<Model, "layer4">;
#elif defined(NETWORK_mobilenet_v2)
using NewHead = fl::ClassifierHead<1280, 10>;
template <class Head = fl::ClassifierHead<1280, 1000>>
using Net = fl::MobileNetV2<100, Head>;
template <class Model>
using LastStage =
    fl::Unfreeze<Model, "features.14", "features.15", "features.16", "features.17", "features.18">;
#elif defined(NETWORK_efficientnet_lite0)
using NewHead = fl::ClassifierHead<1280, 10>;
template <class Head = fl::ClassifierHead<1280, 1000>>
using Net = fl::EfficientNetLite0<Head>;
template <class Model>
using LastStage = fl::Unfreeze<Model, "_blocks.11", "_blocks.12", "_blocks.13", "_blocks.14",
                               "_blocks.15", "_conv_head", "_bn1">;
#elif defined(NETWORK_vit_b_16)
using NewHead = fl::Module<fl::FirstToken, fl::Named<"fc", fl::Linear<768, 10>>>;
template <class Head = fl::VisionTransformerHead<768, 1000>>
using Net = fl::ViTB16<768, Head>;
#endif

#if defined(ROW_inference)
using Model = fl::Freeze<Net<NewHead>>;
#elif defined(ROW_head) || defined(ROW_epochs)
using Model = fl::ReplaceHead<fl::Freeze<Net<>>, NewHead>;
#elif defined(ROW_layer4)
using Model = LastStage<fl::ReplaceHead<fl::Freeze<Net<>>, NewHead>>;
#elif defined(ROW_all)
using Model = Net<NewHead>;
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
