// SPDX-License-Identifier: MIT
// The vision transformer ViT-B/16, with the names of torchvision's.
#pragma once

#include <utility>

#include "frostline/layers/class_token.hpp"
#include "frostline/layers/conv2d.hpp"
#include "frostline/layers/first_token.hpp"
#include "frostline/layers/gelu.hpp"
#include "frostline/layers/layer_norm2d.hpp"
#include "frostline/layers/linear.hpp"
#include "frostline/layers/position_embedding.hpp"
#include "frostline/models/multihead_attention.hpp"

namespace frostline {
namespace detail {

template <int Channels>
using VitNorm = LayerNorm2d<Channels, Epsilon{1e-6f}>;

/// Attention, then two linear layers at each token with four times the channels and GELU between
/// them; each reads a layer norm, and is added to its input.
/// Shapes: {Channels, 1, Tokens} to the same.
/// Source: torchvision's EncoderBlock (models/vision_transformer.py)
template <int Channels, int Heads>
struct EncoderBlock {
  // Identity is where torchvision drops values, with probability 0.
  using mlp = Sequential<PointwiseLinear<Channels, 4 * Channels>, GELU, Identity,
                         PointwiseLinear<4 * Channels, Channels>>;
  using model =
      Module<Residual<Module<Named<"ln_1", VitNorm<Channels>>,
                             Named<"self_attention", MultiheadAttention<Channels, Heads>>>>,
             Residual<Module<Named<"ln_2", VitNorm<Channels>>, Named<"mlp", mlp>>>>;
};

/// The patch embedding. Its images are of one size, for which the position embedding is made.
/// Shapes: {3, ImageSize, ImageSize} to {Channels, ImageSize / Patch, ImageSize / Patch}.
template <int Channels, int Patch, int ImageSize>
struct PatchConvolution : Conv2d<3, Channels, Patch, Patch> {
  static constexpr bool accepts(Shape in) { return in == Shape{3, ImageSize, ImageSize}; }
};

/// "encoder_layer_0" and so on.
template <int Number>
inline constexpr auto encoder_layer_name = [] {
  char text[Number < 10 ? 16 : 17] = "encoder_layer_";
  if (Number >= 10) text[14] = char('0' + Number / 10);
  text[Number < 10 ? 14 : 15] = char('0' + Number % 10);
  return FixedString(text);
}();

template <int Channels, int Heads, class Positions>
struct EncoderLayers;
template <int Channels, int Heads, int... I>
struct EncoderLayers<Channels, Heads, std::integer_sequence<int, I...>> {
  using model = Module<Named<encoder_layer_name<I>, EncoderBlock<Channels, Heads>>...>;
};

}  // namespace detail

template <class Backend, int Channels, int Patch, int ImageSize>
struct Kernel<Backend, detail::PatchConvolution<Channels, Patch, ImageSize>>
    : Kernel<Backend, Conv2d<3, Channels, Patch, Patch>> {};

/// The class token and one linear layer, `heads.head`.
/// Shapes: {In, 1, Tokens} to {Classes, 1, 1}. The number of classes is a constant, or
/// AtMost<Bound>.
template <int In, auto Classes>
struct VisionTransformerHead {
  using linear = detail::GivesClasses<Classes, Linear<In, detail::most_of(Classes)>>;
  using model = Module<FirstToken, Named<"heads", Module<Named<"head", linear>>>>;
};

/// ViT-B/16: patches of 16x16 pixels and a class token through 12 blocks of attention with heads of
/// 64 channels. Width 768 is torchvision's; ImageSize is that of the images, in pixels, for which
/// its position embedding is made; loading resizes that of a file for another size. Shapes: {3,
/// ImageSize, ImageSize} to the head's output; the backbone gives {Width, 1, 1 + (ImageSize /
/// 16)^2}, of which the first pixel is the class token. Source:
/// https://pytorch.org/vision/stable/models/vision_transformer.html (Dosovitskiy et al. 2021)
template <int Width = 768, class HeadLayer = VisionTransformerHead<Width, 1000>,
          int ImageSize = 224>
struct ViTB16 {
  static_assert(Width > 0 && Width % 64 == 0,
                "frostline: ViTB16 requires a Width that is a multiple of 64");
  static_assert(ImageSize > 0 && ImageSize % 16 == 0,
                "frostline: ViTB16 requires an ImageSize that is a multiple of 16");
  static constexpr int tokens = 1 + (ImageSize / 16) * (ImageSize / 16);
  using layers =
      typename detail::EncoderLayers<Width, Width / 64, std::make_integer_sequence<int, 12>>::model;
  using encoder = Module<detail::PatchPositions<Width, tokens>, Named<"layers", layers>,
                         Named<"ln", detail::VitNorm<Width>>>;
  using model = Module<Named<"conv_proj", detail::PatchConvolution<Width, 16, ImageSize>>,
                       ClassToken<Width>, Named<"encoder", encoder>, Head<HeadLayer>>;
};

}  // namespace frostline
