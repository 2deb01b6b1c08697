// SPDX-License-Identifier: MIT
// A user's own layer, Swish, in a new head on a frozen backbone.
#include <cstdio>
#include <exception>
#include <frostline/frostline.hpp>

#include "support/data_set.hpp"
#include "support/swish.hpp"
#include "support/watch.hpp"

namespace fl = frostline;

// The head is a type like any other: a hidden layer with Swish between pooling and classes.
using Head =
    fl::Module<fl::Named<"avgpool", fl::GlobalAveragePool>,
               fl::Named<"hidden", fl::Linear<128, 64>>, fl::Named<"swish", examples::Swish<64>>,
               fl::Named<"fc", fl::Linear<64, 10>>>;
using Pretrained = fl::ResNet18<16, fl::ClassifierHead<128, 34>>;
using Model = fl::ReplaceHead<fl::Freeze<Pretrained>, Head>;

// Facts about the model are compile-time constants.
using Net = fl::Network<Model, fl::Input<3, 96, 96>>;
static_assert(Net::trainable_count() == 128 * 64 + 64 + 64 + 64 * 10 + 10);

int main(int argc, char** argv) {
  try {
    const std::filesystem::path folder = argc > 1 ? argv[1] : "examples/data";
    const auto [training, validation] = examples::load_data_sets(
        folder / "clipart10", 10, fl::TrainingTransform{96, 0.5}, fl::EvaluationTransform{96, 96});
    Net network{fl::max_batch(32)};
    fl::load_pretrained(network, folder / "resnet18-w16.safetensors");
    fl::Trainer trainer{network, fl::CrossEntropy{},
                        fl::Sgd{.learning_rate = 0.05f, .momentum = 0.9f}};
    fl::fit(trainer, training, validation, examples::watched({.epochs = 8}));

    const std::vector<float> beta = network.values("swish.beta");
    const auto [least, most] = std::minmax_element(beta.begin(), beta.end());
    std::printf("beta began at 1 and is now between %.3f and %.3f\n", double(*least),
                double(*most));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
