// SPDX-License-Identifier: MIT
// A second file with the same headers: nothing may be defined twice.
#include <frostline/data/image_folder.hpp>
#include <frostline/frostline.hpp>

std::size_t parameters_elsewhere() {
  using Model = frostline::ReplaceHead<frostline::Freeze<frostline::ResNet18<8>>,
                                       frostline::ClassifierHead<64, 3>>;
  return frostline::Network<Model, frostline::Input<3, 32, 32>>::parameter_count();
}
