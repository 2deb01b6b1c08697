// SPDX-License-Identifier: MIT
// A program in which only biases train, or, as the positive control, everything.
#include <frostline/frostline.hpp>
namespace fl = frostline;

#ifdef TRAIN_ALL
using Model = fl::ResNet18<>;
#else
using Model = fl::TrainOnly<fl::ResNet18<>, fl::Biases>;
#endif

int main() {
  fl::Network<Model, fl::Input<3, 64, 64>> network{fl::max_batch(1)};
  fl::Trainer trainer{network, fl::CrossEntropy{}, fl::Sgd{}};
  trainer.step(std::vector<float>(3 * 64 * 64), std::vector{0});
}
