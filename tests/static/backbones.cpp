// SPDX-License-Identifier: MIT
// torchvision's backbones have its numbers of parameters; the one with most layers is planned,
// forward and backward, within every compiler's default limits.
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

// torchvision's probabilities: 0.1 / 17 for each block before.
using Deep = ConvNeXtTiny<96, ConvNeXtHead<768, 1000>, Probability{0.1f}>;
static_assert(parameter_count<Deep, Image>() == 28'589'128);
static_assert(Leaves<Deep>::size == Leaves<ConvNeXtTiny<>>::size + 17);
static_assert(Deep::Stage<768, 15, 3>::drop(17).value == 0.1f);
static_assert(Deep::Stage<96, 0, 3>::drop(1).value == 0.1f / 17);
static_assert(planned<DenseNet121<>, Image>.per_sample.saved > 100'000'000);

}  // namespace frostline::test::backbones_test
