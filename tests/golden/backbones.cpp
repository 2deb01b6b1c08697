// SPDX-License-Identifier: MIT
// Logits and training steps of torchvision's backbones and of timm's ViT-S/14, for
// compare_backbones.py.
#include <frostline/frostline.hpp>
#include <frostline/models/convnext.hpp>
#include <frostline/models/deeplab.hpp>
#include <frostline/models/densenet.hpp>
#include <frostline/models/efficientnet.hpp>
#include <frostline/models/mobilenet_v2.hpp>
#include <frostline/models/mobilenet_v3.hpp>
#include <frostline/models/vgg.hpp>
#include <frostline/models/vit.hpp>
#include <frostline/models/vit_s_14.hpp>
#include <map>

#include "numbers.hpp"

namespace fl = frostline;

constexpr fl::Probability no_dropout{0.0f};  // only PyTorch can draw its masks

using MobileNetV2 = fl::MobileNetV2<100, fl::DropoutHead<1280, 10, no_dropout>>;
using ResNeXt50 = fl::ResNeXt50<64, fl::ClassifierHead<2048, 10>>;
using DeepLabV3 = fl::ResNet50<64, fl::DeepLabHead<2048, 21>, fl::OutputStride{8}>;
using Vgg16 = fl::Vgg16BatchNorm<64, fl::DropoutHead<512, 10, no_dropout>>;  // of 64x64 pixels
using DenseNet121 = fl::DenseNet121<fl::DenseNetHead<1024, 10>>;
using MobileNetV3Small = fl::MobileNetV3Small<fl::MobileNetV3Head<576, 10, 1024, no_dropout>>;
using ConvNeXtTiny = fl::ConvNeXtTiny<96, fl::ConvNeXtHead<768, 10>>;
using ViTB16 = fl::ViTB16<768, fl::VisionTransformerHead<768, 10>, 64>;
using ViTS14 = fl::ViTS14<384, fl::ClassTokenHead<384, 10>, 56>;
using EfficientNetB0 = fl::EfficientNetB0<fl::DropoutHead<1280, 10, no_dropout>>;

struct Arguments {
  std::string weights, images, labels, out;
};

/// The frozen network's logits, as raw floats.
template <class Model>
void predict(const Arguments& arguments) {
  using Image = fl::Input<3, 224, 224>;
  const auto images = read_numbers<float>(arguments.images);
  const int count = int(images.size() / Image::shape.size());
  fl::Network<fl::Freeze<Model>, Image> network{fl::max_batch(count)};
  fl::load_pretrained(network, arguments.weights);
  write_numbers(arguments.out, network.predict(images));
}

/// One step, whose loss is printed; small images suffice for the gradients.
template <class Model, int Side = 64>
void train(const Arguments& arguments) {
  using Image = fl::Input<3, Side, Side>;
  const auto images = read_numbers<float>(arguments.images);
  const auto labels = read_numbers<int>(arguments.labels);
  fl::Network<Model, Image> network{fl::max_batch(int(labels.size()))};
  fl::load(network, arguments.weights);
  const fl::Sgd sgd{
      .learning_rate = 1e-2f, .momentum = 0.9f, .weight_decay = 5e-4f, .nesterov = true};
  fl::Trainer trainer{network, fl::CrossEntropy{}, sgd};
  fmt::print("{:.9g}\n", trainer.step(images, labels));
  fl::save(network, arguments.out);
}

template <class Model, fl::detail::FixedString... Last>
using OnlyLast = fl::Unfreeze<fl::Freeze<Model>, Last...>;

int main(int argc, char** argv) {
  const std::map<std::string, void (*)(const Arguments&)> cases{
      {"mobilenet_v2", predict<fl::MobileNetV2<>>},
      {"mobilenet_v2 everything", train<MobileNetV2>},
      {"resnet50", predict<fl::ResNet50<>>},
      {"deeplabv3_resnet50", predict<DeepLabV3>},
      {"resnext50_32x4d", predict<fl::ResNeXt50<>>},
      {"resnext50_32x4d everything", train<ResNeXt50>},
      {"vgg16_bn", predict<fl::Vgg16BatchNorm<>>},
      {"vgg16_bn everything", train<Vgg16>},
      {"densenet121", predict<fl::DenseNet121<>>},
      {"densenet121 everything", train<DenseNet121>},
      {"densenet121 last",
       train<OnlyLast<DenseNet121, "features.denseblock4", "features.norm5", "classifier">>},
      {"mobilenet_v3_large", predict<fl::MobileNetV3Large<>>},
      {"mobilenet_v3_small", predict<fl::MobileNetV3Small<>>},
      {"mobilenet_v3_small everything", train<MobileNetV3Small>},
      {"mobilenet_v3_small last",
       train<OnlyLast<MobileNetV3Small, "features.11", "features.12", "classifier">>},
      {"efficientnet_b0", predict<fl::EfficientNetB0<>>},
      {"efficientnet_b0 everything", train<EfficientNetB0>},
      {"convnext_tiny", predict<fl::ConvNeXtTiny<>>},
      {"convnext_tiny everything", train<ConvNeXtTiny>},
      {"vit_b_16", predict<fl::ViTB16<>>},
      {"vit_b_16 everything", train<ViTB16>},
      {"vit_b_16 last",
       train<OnlyLast<ViTB16, "encoder.layers.encoder_layer_11", "encoder.ln", "heads">>},
      {"vit_s_14", predict<fl::ViTS14<384, fl::ClassTokenHead<384, 1000>, 224>>},
      {"vit_s_14 everything", train<ViTS14, 56>},
      {"vit_s_14 last", train<OnlyLast<ViTS14, "blocks.11", "norm", "head">, 56>},
  };
  const auto chosen = argc == 6 ? cases.find(argv[1]) : cases.end();
  if (chosen == cases.end()) {
    fmt::print(stderr, "usage: {} CASE WEIGHTS IMAGES LABELS OUT\n", argv[0]);
    return 2;
  }
  try {
    chosen->second({argv[2], argv[3], argv[4], argv[5]});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
