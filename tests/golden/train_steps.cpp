// SPDX-License-Identifier: MIT
// Trains a full-size network on given batches and saves it, for compare_training.py.
#include <frostline/frostline.hpp>
#include <map>

#include "numbers.hpp"

namespace fl = frostline;

// FcnHead without dropout, whose mask would differ from PyTorch's.
template <int In, int Classes>
using Branch =
    fl::Sequential<fl::Conv2d<In, In / 4, 3, 1, 1, 1, 1, false>, fl::BatchNorm2d<In / 4>, fl::ReLU,
                   fl::Dropout<fl::Probability{0.0f}>, fl::Conv2d<In / 4, Classes, 1>>;
template <int In, int Classes>
struct HeadWithoutDropout {
  using model = fl::Module<fl::Named<"classifier", Branch<In, Classes>>,
                           fl::Named<"upsample", fl::Upsample<>>>;
};

// AuxiliaryFcnHead without dropout.
template <int In, int Classes>
struct AuxiliaryWithoutDropout {
  using model = fl::Module<
      HeadWithoutDropout<In, Classes>,
      fl::Auxiliary<"layer3", fl::Module<fl::Named<"aux_classifier", Branch<In / 2, Classes>>,
                                         fl::Named<"aux_upsample", fl::Upsample<>>>>>;
};

using Head = fl::ClassifierHead<512, 10>;
using HeadOnly = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, Head>;
using BatchStatistics = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>, fl::BatchStatistics>, Head>;
using Layer4 = fl::Unfreeze<HeadOnly, "layer4", "fc">;
using Everything = fl::ResNet18<64, Head>;
using Fcn = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, HeadWithoutDropout<512, 21>>;
using FcnAuxiliary =
    fl::Unfreeze<fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, AuxiliaryWithoutDropout<512, 21>>,
                 "layer4", "classifier", "aux_classifier">;
using FcnToPredict = fl::Freeze<fl::ResNet18<64, fl::FcnHead<512, 21>>>;

using Image = fl::Input<3, 224, 224>;
constexpr std::size_t image_floats = Image::shape.size();

struct Arguments {
  std::string weights, images, labels, out;
  int batch = 0;
  float weight_decay = 0;
};

/// Runs a step for each batch and prints its loss.
template <class Model>
void train(const Arguments& arguments) {
  const auto images = read_numbers<float>(arguments.images);
  const auto labels = read_numbers<int>(arguments.labels);
  fl::Network<Model, Image> network{fl::max_batch(arguments.batch)};
  fl::load(network, arguments.weights);
  fl::Trainer trainer{network, fl::CrossEntropy{.ignore_index = 255},
                      fl::Sgd{.learning_rate = 1e-2f,
                              .momentum = 0.9f,
                              .weight_decay = arguments.weight_decay,
                              .nesterov = true}};
  const std::size_t batch_floats = image_floats * std::size_t(arguments.batch);
  const std::size_t steps = images.size() / batch_floats;
  const std::size_t batch_labels = labels.size() / steps;
  for (std::size_t step = 0; step < steps; ++step)
    fmt::print("{:.9g}\n",
               trainer.step(std::span(images).subspan(step * batch_floats, batch_floats),
                            std::span(labels).subspan(step * batch_labels, batch_labels)));
  fl::save(network, arguments.out);
}

/// The library's own FcnHead in evaluation: its logits to a file of raw floats.
void predict(const Arguments& arguments) {
  const auto images = read_numbers<float>(arguments.images);
  fl::Network<FcnToPredict, Image> network{fl::max_batch(arguments.batch)};
  fl::load(network, arguments.weights);
  const std::span logits =
      network.predict(std::span(images).first(image_floats * std::size_t(arguments.batch)));
  write_numbers(arguments.out, logits);
}

int main(int argc, char** argv) {
  const std::map<std::string, void (*)(const Arguments&)> cases{
      {"head", train<HeadOnly>}, {"batch_statistics", train<BatchStatistics>},
      {"layer4", train<Layer4>}, {"everything", train<Everything>},
      {"fcn", train<Fcn>},       {"fcn_auxiliary", train<FcnAuxiliary>},
      {"fcn_predict", predict}};
  const auto chosen = argc == 8 ? cases.find(argv[1]) : cases.end();
  if (chosen == cases.end()) {
    fmt::print(stderr, "usage: {} CASE WEIGHTS IMAGES LABELS BATCH WEIGHT_DECAY OUT\n", argv[0]);
    return 2;
  }
  try {
    chosen->second({argv[2], argv[3], argv[4], argv[7], std::stoi(argv[5]), std::stof(argv[6])});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
