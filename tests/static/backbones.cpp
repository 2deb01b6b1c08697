// SPDX-License-Identifier: MIT
// torchvision's backbones have its numbers of parameters; the one with most layers is planned,
// forward and backward, within every compiler's default limits.
#include <type_traits>

#include "../support/internals.hpp"
#include "frostline/graph/compiled.hpp"
#include "frostline/models/convnext.hpp"
#include "frostline/models/densenet.hpp"
#include "frostline/models/efficientnet.hpp"
#include "frostline/models/mobilenet_v2.hpp"
#include "frostline/models/mobilenet_v3.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/models/vgg.hpp"
#include "frostline/models/vit.hpp"
#include "frostline/models/vit_s_14.hpp"
#include "frostline/rewrite/backbone.hpp"
#include "frostline/rewrite/train_only.hpp"

namespace frostline::test::backbones_test {

using Image = Input<3, 224, 224>;
static_assert(parameter_count<ResNet101<>, Image>() == 44'549'160);
static_assert(parameter_count<ResNeXt50<>, Image>() == 25'028'904);
static_assert(parameter_count<WideResNet50<>, Image>() == 68'883'240);
static_assert(parameter_count<MobileNetV2<>, Image>() == 3'504'872);
static_assert(parameter_count<MobileNetV2<35>, Image>() == 1'677'128);
static_assert(parameter_count<MobileNetV2<140>, Image>() == 6'108'776);
static_assert(parameter_count<MobileNetV3Large<>, Image>() == 5'483'032);
static_assert(parameter_count<MobileNetV3Small<>, Image>() == 2'542'856);
static_assert(parameter_count<EfficientNetB0<>, Image>() == 5'288'548);
static_assert(parameter_count<Vgg16BatchNorm<>, Image>() == 138'365'992);
static_assert(parameter_count<DenseNet121<>, Image>() == 7'978'856);
static_assert(parameter_count<ConvNeXtTiny<>, Image>() == 28'589'128);
static_assert(parameter_count<ViTB16<>, Image>() == 86'567'656);
// Of the patches; of a block's norms, attention and mlp; of the last norm and the head.
static_assert(trainable_count<TrainOnly<ViTB16<64>, Biases>, Image>() ==
              64 + 12 * (2 * 64 + 192 + 64 + 256 + 64) + 64 + 1000);
// timm's vit_small_patch14_dinov2, with a head of 1000 classes and without one.
static_assert(parameter_count<ViTS14<>, Input<3, 518, 518>>() == 22'441'192);
static_assert(parameter_count<Backbone<ViTS14<>>, Input<3, 518, 518>>() == 22'056'192);
template <class Head>
using Small14 = ViTS14<64, Head, 224>;
static_assert(parameter_count<Small14<ClassTokenHead<64, 10>>, Image>() ==
              64 * (3 * 14 * 14 + 1) + 64 + 257 * 64 + 64 * 2 + 650 +
                  12 * (64 * (12 * 64) + 64 * (3 + 1 + 4 + 1) + 64 * 6));
static_assert(trainable_count<TrainOnly<Small14<ClassTokenHead<64, 10>>, Biases>, Image>() ==
              64 + 12 * (2 * 64 + 192 + 64 + 256 + 64) + 64 + 10);

// Dilation in place of strides; which convolutions have which is in tests/golden.
template <int Stride>
using Dilated = ResNet50<64, ClassifierHead<2048, 1000>, OutputStride{Stride}>;
static_assert(multiply_adds<Dilated<32>, Image>() == multiply_adds<ResNet50<>, Image>());
static_assert(parameter_count<Dilated<8>, Image>() == parameter_count<ResNet50<>, Image>());
template <class Model>
constexpr Shape features = [] {
  constexpr const auto& graph = traced<Backbone<Model>, Image>;
  return graph[graph.size - 1].out;
}();
static_assert(features<Dilated<16>> == Shape{2048, 14, 14});
static_assert(features<Dilated<8>> == Shape{2048, 28, 28});

// torchvision's probabilities: 0.1 / 17 for each block before.
using Deep = ConvNeXtTiny<96, ConvNeXtHead<768, 1000>, Probability{0.1f}>;
static_assert(parameter_count<Deep, Image>() == 28'589'128);
static_assert(Leaves<Deep>::size == Leaves<ConvNeXtTiny<>>::size + 17);
static_assert(drop_of_block({0.1f}, 17, 17).value == 0.1f);
static_assert(drop_of_block({0.1f}, 1, 17).value == 0.1f / 17);

// 0.2 / 16 for each block before; 9 of the 16 blocks add their input.
using DeepB0 = EfficientNetB0<DropoutHead<1280, 1000>, Probability{0.2f}>;
static_assert(parameter_count<DeepB0, Image>() == 5'288'548);
static_assert(Leaves<DeepB0>::size == Leaves<EfficientNetB0<>>::size + 9);
#ifndef __CUDACC__  // nvcc 13 cannot spell a probability that a template computed
template <class Layer, class... Layers>
constexpr bool is_one_of(TypeList<Layers...>) {
  return (std::is_same_v<Layer, Layers> || ...);
}
template <int Block>
using Left = StochasticDepth<drop_of_block({0.2f}, Block, 16)>;
static_assert(is_one_of<Left<14>>(Leaves<DeepB0>{}) && !is_one_of<Left<15>>(Leaves<DeepB0>{}));
#endif
static_assert(planned<DenseNet121<>, Image>.per_sample.saved > 100'000'000);

}  // namespace frostline::test::backbones_test
