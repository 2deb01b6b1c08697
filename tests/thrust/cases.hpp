// SPDX-License-Identifier: MIT
// The layers, shapes and batches for which backends are compared.
#pragma once

#include <fmt/format.h>

#include <string>

#include "frostline/core/type_list.hpp"
#include "frostline/layers/avg_pool2d.hpp"
#include "frostline/layers/gelu.hpp"
#include "frostline/layers/hardsigmoid.hpp"
#include "frostline/layers/hardswish.hpp"
#include "frostline/layers/layer_norm2d.hpp"
#include "frostline/layers/layer_scale.hpp"
#include "frostline/layers/pointwise_linear.hpp"
#include "frostline/layers/relu6.hpp"
#include "frostline/layers/scale.hpp"
#include "frostline/layers/silu.hpp"
#include "frostline/models/convnext.hpp"
#include "frostline/models/efficientnet_lite.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/models/squeeze_excitation.hpp"
#include "frostline/models/vit.hpp"
#include "frostline/models/vit_s_14.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"
#include "frostline/rewrite/unfreeze.hpp"
#include "support/internals.hpp"

namespace frostline::test {

template <class Layer>
inline constexpr const char* kind_of = "layer";
template <int... Sizes>
inline constexpr const char* kind_of<Linear<Sizes...>> = "Linear";
template <int C, NormConstants Constants>
inline constexpr const char* kind_of<BatchNorm2d<C, Constants>> = "BatchNorm2d";
template <int... Sizes>
inline constexpr const char* kind_of<MaxPool2d<Sizes...>> = "MaxPool2d";
template <int... Sizes>
inline constexpr const char* kind_of<Upsample<Sizes...>> = "Upsample";
template <Probability Drop>
inline constexpr const char* kind_of<Dropout<Drop>> = "Dropout";
template <Probability Drop>
inline constexpr const char* kind_of<StochasticDepth<Drop>> = "StochasticDepth";
template <>
inline constexpr const char* kind_of<ReLU> = "ReLU";
template <>
inline constexpr const char* kind_of<ReLU6> = "ReLU6";
template <>
inline constexpr const char* kind_of<SiLU> = "SiLU";
template <>
inline constexpr const char* kind_of<GELU> = "GELU";
template <int C, Epsilon Added>
inline constexpr const char* kind_of<LayerNorm2d<C, Added>> = "LayerNorm2d";
template <int C>
inline constexpr const char* kind_of<LayerScale<C>> = "LayerScale";
template <int... Sizes>
inline constexpr const char* kind_of<PointwiseLinear<Sizes...>> = "PointwiseLinear";
template <int C>
inline constexpr const char* kind_of<ClassToken<C>> = "ClassToken";
template <int... Sizes>
inline constexpr const char* kind_of<PositionEmbedding<Sizes...>> = "PositionEmbedding";
template <>
inline constexpr const char* kind_of<FirstToken> = "FirstToken";
template <int Heads>
inline constexpr const char* kind_of<ScaledDotProductAttention<Heads>> =
    "ScaledDotProductAttention";
template <>
inline constexpr const char* kind_of<Hardswish> = "Hardswish";
template <>
inline constexpr const char* kind_of<Hardsigmoid> = "Hardsigmoid";
template <int... Sizes>
inline constexpr const char* kind_of<AvgPool2d<Sizes...>> = "AvgPool2d";
template <>
inline constexpr const char* kind_of<Add> = "Add";
template <>
inline constexpr const char* kind_of<Sigmoid> = "Sigmoid";
template <>
inline constexpr const char* kind_of<Scale> = "Scale";
template <>
inline constexpr const char* kind_of<Flatten> = "Flatten";
template <>
inline constexpr const char* kind_of<GlobalAveragePool> = "GlobalAveragePool";
template <int In, int Out, int Size, int Stride, int Padding, int Dilation, int Groups, bool Bias>
inline constexpr const char*
    kind_of<Conv2d<In, Out, Size, Stride, Padding, Dilation, Groups, Bias>> = "Conv2d";

/// A layer for images of C x H x W.
template <class Layer, int C, int H, int W, int Batch, bool FrozenLayer = false>
struct Case {
  using layer = Layer;
  static constexpr Situation place{.in = {C, H, W}, .frozen = FrozenLayer};
  static constexpr int batch = Batch;
  static std::string name() {
    return fmt::format("{} of {}x{}x{}, batch {}{}", kind_of<Layer>, C, H, W, Batch,
                       FrozenLayer ? ", frozen" : "");
  }
};

using SlowNorm = BatchNorm2d<3, NormConstants{.epsilon = 0.5f, .momentum = 0.01f}>;
using LayerCases = TypeList<
    Case<Conv2d<3, 4, 3, 1, 1>, 3, 5, 7, 2>,                    //
    Case<Conv2d<3, 5, 7, 2, 3, 1, 1, false>, 3, 11, 9, 3>,      //
    Case<Conv2d<5, 3, 1>, 5, 3, 4, 9>,                          //
    Case<Conv2d<4, 6, 1, 2, 0, 1, 1, false>, 4, 5, 5, 1>,       //
    Case<Conv2d<2, 3, 3, 1, 2, 2>, 2, 6, 5, 2>,                 // dilated
    Case<Conv2d<6, 4, 3, 2, 1, 1, 2>, 6, 7, 6, 2>,              // groups
    Case<Conv2d<4, 4, 3, 1, 1, 1, 4, false>, 4, 4, 4, 2>,       //
    Case<Conv2d<2, 3, 3, 1, 1>, 2, 1, 1, 5>,                    //
    Case<Conv2d<33, 17, 3, 1, 1, 1, 1, false>, 33, 37, 53, 1>,  //
    Case<Conv2d<130, 3, 5, 1, 2>, 130, 37, 53, 2>,              // columns in pieces
    Case<Conv2d<3, 2, 3, 1, 1>, 3, 2, 3, 70>,                   // in groups of images
    Case<Conv2d<3, 5, 3, 2, same_padding>, 3, 8, 11, 2>,        //
    Case<Conv2d<6, 6, 5, 2, same_padding, 1, 6>, 6, 7, 6, 2>, Case<Linear<7, 5>, 7, 1, 1, 3>,  //
    Case<Linear<130, 33>, 130, 1, 1, 9>,                                                       //
    Case<BatchNorm2d<3>, 3, 5, 4, 4>,                                                          //
    Case<BatchNorm2d<17>, 17, 1, 1, 9>,                                                        //
    Case<BatchNorm2d<1>, 1, 37, 53, 1>,                                                        //
    Case<BatchNorm2d<5>, 5, 3, 4, 3, true>,                                                    //
    Case<GlobalAveragePool, 5, 3, 4, 3>,                                                       //
    Case<GlobalAveragePool, 17, 37, 53, 1>,                                                    //
    Case<Flatten, 3, 4, 5, 2>,                                                                 //
    Case<Add, 3, 4, 5, 2>,                                                                     //
    Case<ReLU, 17, 37, 53, 2>,                                                                 //
    Case<ReLU6, 17, 37, 53, 2>,                                                                //
    Case<SiLU, 17, 37, 53, 2>, Case<Hardswish, 17, 37, 53, 2>, Case<Hardsigmoid, 17, 37, 53, 2>,
    Case<AvgPool2d<2>, 17, 37, 53, 2>, Case<AvgPool2d<3, 2, 1>, 3, 9, 8, 2>,
    Case<SlowNorm, 3, 5, 4, 4>,  //
    Case<GELU, 17, 37, 53, 2>, Case<LayerNorm2d<17>, 17, 37, 53, 2>,
    Case<LayerNorm2d<33>, 33, 1, 1, 9>, Case<LayerScale<17>, 17, 37, 53, 2>,
    Case<PointwiseLinear<5, 18>, 5, 3, 4, 2>, Case<Conv2d<6, 6, 7, 1, 3, 1, 6>, 6, 9, 8, 2>,
    Case<ClassToken<17>, 17, 5, 3, 2>, Case<PositionEmbedding<17, 9>, 17, 1, 9, 3>,
    Case<FirstToken, 17, 1, 9, 3>, Case<ScaledDotProductAttention<2>, 96, 1, 101, 2>,
    Case<ScaledDotProductAttention<3>, 45, 1, 19, 2>,
    Case<ScaledDotProductAttention<1>, 6, 1, 1100, 1>,  // queries in pieces
    Case<Sigmoid, 17, 3, 5, 2>, Case<Scale, 17, 3, 5, 2>, Case<Scale, 5, 37, 53, 1>,
    Case<MaxPool2d<3, 2, 1>, 3, 9, 8, 2>,            //
    Case<MaxPool2d<3, 2, 1>, 17, 1, 1, 9>,           //
    Case<MaxPool2d<2>, 2, 7, 5, 3>,                  //
    Case<MaxPool2d<2, 3, 1>, 33, 4, 7, 1>,           //
    Case<MaxPool2d<5, 1, 2>, 5, 6, 3, 2>,            //
    Case<Dropout<>, 3, 5, 7, 3>,                     //
    Case<Dropout<Probability{0.1f}>, 1, 37, 53, 1>,  //
    Case<Dropout<>, 3, 5, 3, 2, true>,               //
    Case<StochasticDepth<Probability{0.5f}>, 3, 5, 7, 9>,
    Case<StochasticDepth<Probability{0.5f}>, 3, 5, 7, 2, true>, Case<Upsample<>, 3, 4, 5, 2>,  //
    Case<Upsample<>, 17, 1, 1, 3>,                                                             //
    Case<Upsample<3, 150>, 33, 2, 9, 1>,                                                       //
    Case<Upsample<2, 3>, 2, 5, 7, 2>,                                                          //
    Case<Upsample<64, 64>, 2, 2, 2, 2>>;

}  // namespace frostline::test
