// SPDX-License-Identifier: MIT
// The vision transformer ViT-S/14 of DINOv2, with the names of timm's vit_small_patch14_dinov2.
#pragma once

#include <string_view>
#include <utility>

#include "frostline/layers/class_token.hpp"
#include "frostline/layers/first_token.hpp"
#include "frostline/layers/gelu.hpp"
#include "frostline/layers/layer_scale.hpp"
#include "frostline/layers/linear.hpp"
#include "frostline/layers/pointwise_linear.hpp"
#include "frostline/layers/position_embedding.hpp"
#include "frostline/layers/scaled_dot_product_attention.hpp"
#include "frostline/models/vit.hpp"

namespace frostline {
namespace detail {

// Layers whose tensors have timm's names, shapes and initial values.

/// Shapes: as ClassToken; cls_token 1 x 1 x Channels.
template <int Channels>
struct TimmClassToken : ClassToken<Channels> {
  static constexpr TensorSpecs parameters() {
    return {{TensorSpec{"cls_token", 3, {1, 1, Channels, 1}, {Initial::normal, 1e-12f}}}, 1};
  }
};

/// Shapes: as PositionEmbedding; pos_embed 1 x Tokens x Channels.
template <int Channels, int Tokens>
struct TimmPositionEmbedding : PatchPositions<Channels, Tokens> {
  static constexpr TensorSpecs parameters() {
    return PatchPositions<Channels, Tokens>::parameters_named("pos_embed");
  }
};

/// Shapes: as LayerScale; gamma Channels.
template <int Channels>
struct TimmLayerScale : LayerScale<Channels> {
  static constexpr TensorSpecs parameters() {
    return {{vector_spec("gamma", Channels, {Initial::constant, 1e-5f})}, 1};
  }
};

/// The attention of a sequence with itself. `qkv` gives the queries of all heads, then the keys,
/// then the values, as `in_proj_weight` of MultiheadAttention does.
/// Shapes: {Channels, 1, Tokens} to the same.
template <int Channels, int Heads>
struct TimmAttention {
  using model =
      Module<Named<"qkv", PointwiseLinear<Channels, 3 * Channels>>,
             ScaledDotProductAttention<Heads>, Named<"proj", PointwiseLinear<Channels, Channels>>>;
};

/// Attention, then two linear layers at each token with four times the channels and GELU between
/// them; each reads a layer norm, and is scaled and added to its input.
/// Shapes: {Channels, 1, Tokens} to the same.
/// Source: timm's Block (models/vision_transformer.py)
template <int Channels, int Heads>
struct TimmBlock {
  using mlp = Module<Named<"fc1", PointwiseLinear<Channels, 4 * Channels>>, GELU,
                     Named<"fc2", PointwiseLinear<4 * Channels, Channels>>>;
  using model = Module<Residual<Module<Named<"norm1", VitNorm<Channels>>,
                                       Named<"attn", TimmAttention<Channels, Heads>>,
                                       Named<"ls1", TimmLayerScale<Channels>>>>,
                       Residual<Module<Named<"norm2", VitNorm<Channels>>, Named<"mlp", mlp>,
                                       Named<"ls2", TimmLayerScale<Channels>>>>>;
};

/// One block for each of the positions, "0" and so on.
template <int Channels, int Heads, class Positions>
struct TimmBlocks;
template <int Channels, int Heads, int... I>
struct TimmBlocks<Channels, Heads, std::integer_sequence<int, I...>> {
  template <int>
  using Block = TimmBlock<Channels, Heads>;
  using model = Sequential<Block<I>...>;
};

}  // namespace detail

template <class Backend, int Channels>
struct Kernel<Backend, detail::TimmClassToken<Channels>> : Kernel<Backend, ClassToken<Channels>> {};
template <class Backend, int Channels, int Tokens>
struct Kernel<Backend, detail::TimmPositionEmbedding<Channels, Tokens>>
    : Kernel<Backend, PositionEmbedding<Channels, Tokens>> {};
template <class Backend, int Channels>
struct Kernel<Backend, detail::TimmLayerScale<Channels>> : Kernel<Backend, LayerScale<Channels>> {};

/// The class token and one linear layer, `head`: timm's for global_pool="token".
/// Shapes: {In, 1, Tokens} to {Classes, 1, 1}. The number of classes is a constant, or
/// AtMost<Bound>.
template <int In, auto Classes>
struct ClassTokenHead {
  using linear = detail::GivesClasses<Classes, Linear<In, detail::most_of(Classes)>>;
  using model = Module<FirstToken, Named<"head", linear>>;
};

/// ViT-S/14 as in DINOv2 without registers: patches of 14x14 pixels and a class token through 12
/// blocks of attention with heads of 64 channels, with layer scales. Its keys are timm's, which
/// are those of DINOv2's own files. Such files have no head: replace it (ReplaceHead). Their
/// `mask_token`, which only pretraining reads, is then skipped, and load_pretrained reports it.
/// Width 384 is DINOv2's; ImageSize is that of the images, in pixels: 518 in the files, whose
/// position embedding loading resizes for another ImageSize (timm's `img_size`).
/// Shapes: {3, ImageSize, ImageSize} to the head's output; the backbone gives
/// {Width, 1, 1 + (ImageSize / 14)^2}, of which the first pixel is the class token.
/// Source: Oquab et al. 2023, https://arxiv.org/abs/2304.07193; vit_small_patch14_dinov2 of
/// https://github.com/huggingface/pytorch-image-models (models/vision_transformer.py)
template <int Width = 384, class HeadLayer = ClassTokenHead<Width, 1000>, int ImageSize = 518>
struct ViTS14 {
  static_assert(Width > 0 && Width % 64 == 0,
                "frostline: ViTS14 requires a Width that is a multiple of 64");
  static_assert(ImageSize > 0 && ImageSize % 14 == 0,
                "frostline: ViTS14 requires an ImageSize that is a multiple of 14");
  static constexpr int tokens = 1 + (ImageSize / 14) * (ImageSize / 14);
  using blocks =
      typename detail::TimmBlocks<Width, Width / 64, std::make_integer_sequence<int, 12>>::model;
  using patch_embed = Module<Named<"proj", detail::PatchConvolution<Width, 14, ImageSize>>>;
  using model = Module<Named<"patch_embed", patch_embed>, detail::TimmClassToken<Width>,
                       detail::TimmPositionEmbedding<Width, tokens>, Named<"blocks", blocks>,
                       Named<"norm", detail::VitNorm<Width>>, Head<HeadLayer>>;
};

}  // namespace frostline
