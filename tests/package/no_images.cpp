// SPDX-License-Identifier: MIT
// A program of a user who has neither libpng nor libjpeg-turbo: it saves and loads.
#include <cstdio>
#include <frostline/frostline.hpp>

int main() {
  using Model = frostline::ClassifierHead<8, 3>;
  frostline::Network<Model, frostline::Input<8, 1, 1>> network{frostline::max_batch(2)};
  frostline::save(network, "no_images.safetensors");
  std::printf("%s\n", frostline::load(network, "no_images.safetensors").text().c_str());
}
