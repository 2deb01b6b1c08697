// SPDX-License-Identifier: MIT
// The logits of EfficientNet-Lite0 with a file's weights, for compare_efficientnet_lite.py.
#include <frostline/frostline.hpp>
#include <frostline/models/efficientnet_lite.hpp>

#include "numbers.hpp"

namespace fl = frostline;

using Image = fl::Input<3, 224, 224>;

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: {} WEIGHTS IMAGES LOGITS   (raw floats)\n", argv[0]);
    return 2;
  }
  try {
    const auto images = read_numbers<float>(argv[2]);
    const int count = int(images.size() / Image::shape.size());
    fl::Network<fl::Freeze<fl::EfficientNetLite0<>>, Image> network{fl::max_batch(count)};
    fl::load_pretrained(network, argv[1]);
    write_numbers(argv[3], network.predict(images));
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
