// SPDX-License-Identifier: MIT
// Writes the inputs of against.sh's programs: a ResNet-18's weights, images and labels.
#include <cstdio>
#include <frostline/frostline.hpp>
#include <fstream>
#include <random>

namespace fl = frostline;

int main(int argc, char** argv) try {
  if (argc != 3) return std::fprintf(stderr, "usage: make_inputs FOLDER IMAGES\n"), 2;
  const std::filesystem::path folder(argv[1]);
  const int images = std::stoi(argv[2]);
  fl::Network<fl::ResNet18<64, fl::ClassifierHead<512, 10>>, fl::Input<3, 224, 224>> network{
      fl::max_batch(1), fl::seed(1)};
  // With initial values, each block would double its input.
  for (const fl::NamedTensor& tensor : network.tensors())
    if (tensor.key.ends_with("bn2.weight"))
      network.write(tensor, std::span<const float>(std::vector<float>(tensor.size, 0.2f)));
  fl::save(network, folder / "weights.safetensors");

  std::mt19937_64 random{1};
  std::normal_distribution<float> normal;
  std::ofstream pixels(folder / "images.f32", std::ios::binary);
  std::ofstream labels(folder / "labels.i32", std::ios::binary);
  std::vector<float> image(3 * 224 * 224);
  for (int n = 0; n < images; ++n) {
    for (float& pixel : image) pixel = normal(random);
    const int label = int(random() % 10);
    pixels.write(reinterpret_cast<const char*>(image.data()),
                 std::streamsize(image.size() * sizeof(float)));
    labels.write(reinterpret_cast<const char*>(&label), sizeof label);
  }
  return pixels.flush() && labels.flush() ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
