// SPDX-License-Identifier: MIT
// The logits of EfficientNet-Lite0 with a file's weights, for compare_efficientnet_lite.py.
#include <frostline/frostline.hpp>
#include <frostline/models/efficientnet_lite.hpp>
#include <fstream>

namespace fl = frostline;

using Image = fl::Input<3, 224, 224>;

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: {} WEIGHTS IMAGES LOGITS   (raw floats)\n", argv[0]);
    return 2;
  }
  try {
    std::ifstream file(argv[2], std::ios::binary | std::ios::ate);
    std::vector<float> images(file ? std::size_t(file.tellg()) / sizeof(float) : 0);
    file.seekg(0);
    file.read(reinterpret_cast<char*>(images.data()),
              std::streamsize(images.size() * sizeof(float)));
    if (!file) throw fl::Error(fmt::format("cannot read '{}'", argv[2]));
    const int count = int(images.size() / Image::shape.size());
    fl::Network<fl::Freeze<fl::EfficientNetLite0<>>, Image> network{fl::max_batch(count)};
    fl::load_pretrained(network, argv[1]);
    const std::span logits = network.predict(images);
    std::ofstream out(argv[3], std::ios::binary);
    out.write(reinterpret_cast<const char*>(logits.data()), std::streamsize(logits.size_bytes()));
    if (!out) throw fl::Error(fmt::format("cannot write '{}'", argv[3]));
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
