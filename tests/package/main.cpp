// SPDX-License-Identifier: MIT
// A program of a user: the README's, shortened, from the installed package.
#include <cstdio>
#include <frostline/data/image_folder.hpp>
#include <frostline/frostline.hpp>

namespace fl = frostline;
using Model = fl::ReplaceHead<fl::Freeze<fl::ResNet18<8>>, fl::ClassifierHead<64, 3>>;

std::size_t parameters_elsewhere();  // a second file includes the same headers

int main() {
  fl::Network<Model, fl::Input<3, 32, 32>> network{fl::max_batch(2)};
  const std::vector<float> images(2 * 3 * 32 * 32, 0.5f);
  fl::Trainer trainer{network, fl::CrossEntropy{}, fl::Sgd{.learning_rate = 1e-2f}};
  const float first = trainer.step(images, std::vector{0, 1});
  const float second = trainer.step(images, std::vector{0, 1});
  std::printf("loss %.4f, then %.4f; %zu parameters\n", double(first), double(second),
              parameters_elsewhere());
  return second < first && parameters_elsewhere() == network.parameter_count() ? 0 : 1;
}
