// SPDX-License-Identifier: MIT
// One training step of a new head on a network of examples/support/models.hpp, which
// FROSTLINE_MODEL names: what a program of one model compiles.
#include <frostline/frostline.hpp>
#include <vector>

#include "support/models.hpp"

namespace fl = frostline;

int main() {
  using Chosen = examples::models::FROSTLINE_MODEL;
  fl::Network<Chosen::HeadOnly, fl::Input<3, Chosen::size, Chosen::size>> network{fl::max_batch(1),
                                                                                  fl::classes(10)};
  fl::Trainer trainer{network, fl::CrossEntropy{}, fl::Sgd{.learning_rate = 1e-3f}};
  const std::vector<float> image(3 * Chosen::size * Chosen::size);
  const std::vector<int> label(1);
  return trainer.step(image, label) < 3 ? 0 : 1;
}
