// SPDX-License-Identifier: MIT
// A user's program with the installed package: it trains, saves, loads and lists a folder.
// Usage: consumer FOLDER, which has a subfolder per class.
#include <cstdio>
#include <frostline/data/image_folder.hpp>
#include <frostline/frostline.hpp>

namespace fl = frostline;
using Model = fl::ReplaceHead<fl::Freeze<fl::ResNet18<8>>, fl::ClassifierHead<64, 3>>;

std::size_t parameters_elsewhere();  // a second file includes the same headers

int main(int, char** argv) {
  fl::Network<Model, fl::Input<3, 32, 32>> network{fl::max_batch(2)};
  const std::vector<float> images(2 * 3 * 32 * 32, 0.5f);
  fl::Trainer trainer{network, fl::CrossEntropy{}, fl::Sgd{.learning_rate = 1e-2f}};
  const float first = trainer.step(images, std::vector{0, 1});
  fl::save(network, "consumer.safetensors");
  const float second = trainer.step(images, std::vector{0, 1});
  std::printf("loss %a, then %a; %zu parameters\n%s\n", double(first), double(second),
              parameters_elsewhere(), fl::summary(network).c_str());

  std::printf("%s\n", fl::load(network, "consumer.safetensors").text().c_str());
  try {
    fl::load(network, "consumer.safetensors", {.prefix = "none"});
  } catch (const fl::Error& error) {
    std::printf("%s\n", error.what());
  }
  const float again = trainer.step(images, std::vector{0, 1});

  const fl::ImageFolder folder(argv[1]);
  std::size_t sum = 0;
  fl::for_each_image(folder, [&](std::size_t i, const fl::Image& image) {
#pragma omp atomic
    sum += (i + 1) * image.pixels[image.pixels.size() / 2];
  });
  std::printf("%zu classes, %zu pictures, %zu\n", folder.classes.size(), folder.size(), sum);
  return second < first && second == again && parameters_elsewhere() == network.parameter_count()
             ? 0
             : 1;
}
