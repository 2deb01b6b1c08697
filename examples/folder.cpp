// SPDX-License-Identifier: MIT
// Fine-tunes a ResNet-18 on your own pictures in FOLDER/train/CLASS and FOLDER/val/CLASS.
#include <cstdio>
#include <frostline/frostline.hpp>
#include <frostline/images.hpp>
#include <frostline/train/fit.hpp>
namespace fl = frostline;
using Pretrained = fl::ResNet18<16, fl::ClassifierHead<128, 34>>;
using Model = fl::ReplaceHead<fl::Freeze<Pretrained>, fl::ClassifierHead<128, fl::AtMost<1000>>>;

int main(int argc, char** argv) try {
  if (argc != 3) return std::puts("Usage: folder FOLDER WEIGHTS");
  const auto [train, val] = fl::open_train_and_val(argv[1]);
  const fl::Classes classes = fl::classes(int(train.classes.size()));
  fl::Network<Model, fl::Input<3, 96, 96>> network{fl::max_batch(32), classes};
  fl::load_pretrained(network, argv[2]);
  const fl::EvaluationTransform whole{.resize = 96, .crop = 96};
  const fl::ImageDataSet training(train, whole), validation(val, whole);
  fl::Trainer trainer{network, fl::CrossEntropy{}, fl::Sgd{.learning_rate = 0.2f}};
  const fl::FitResult result = fl::fit(trainer, training, validation, {.epochs = 30});
  fl::save(network, "finetuned.safetensors");
  std::printf("%.1f %% are right\n", 100 * result.kept_epoch().validation_accuracy);
} catch (const fl::Error& error) {
  return std::fprintf(stderr, "%s\n", error.what()), 1;
}
