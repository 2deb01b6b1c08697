// SPDX-License-Identifier: MIT
// frostline as a contestant; each executable is one row, and one configuration of the library.
#include <frostline/frostline.hpp>

#include "peers/contest.hpp"

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

// The configurations of the library, each a column of its own in the table.
#if defined(CONFIGURATION_default)
template <class Any, class In>
using Network = fl::Network<Any, In>;
#endif
using Images = fl::Input<3, 224, 224>;

[[maybe_unused]] constexpr fl::Sgd sgd{.learning_rate = 1e-3f, .momentum = 0.9f};

void run(const contest::Options& options) {
  Network<Model, Images> network{fl::max_batch(options.batch)};
  fl::load(network, options.weights);
#if defined(ROW_inference)
  contest::run(options, [&](const contest::Batch& batch) {
    const auto logits = network.predict(batch.images);
    return std::vector<float>(logits.begin(), logits.end());
  });
#elif defined(ROW_epochs)
  // To be replaced by a FeatureCache: this runs the frozen part in each epoch again.
  fl::Trainer trainer{network, fl::CrossEntropy{}, sgd};
  contest::run(options, [&](const contest::Batch& batch) {
    const std::span images(batch.images);
    const std::span labels(batch.labels);
    const auto size = std::size_t(options.batch);
    std::vector<float> losses;
    for (int epoch = 0; epoch < 10; ++epoch) {
      float sum = 0;
      for (std::size_t first = 0; first < labels.size(); first += size)
        sum += trainer.step(images.subspan(first * contest::image_size, size * contest::image_size),
                            labels.subspan(first, size));
      losses.push_back(sum * float(size) / float(labels.size()));
    }
    return losses;
  });
#else
  fl::Trainer trainer{network, fl::CrossEntropy{}, sgd};
  contest::run(options, [&](const contest::Batch& batch) {
    return std::vector<float>{trainer.step(batch.images, batch.labels)};
  });
#endif
}

int main(int argc, char** argv) { return contest::run_main(argc, argv, run); }
