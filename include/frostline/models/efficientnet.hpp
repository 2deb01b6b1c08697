// SPDX-License-Identifier: MIT
// EfficientNet-B0, with the names of torchvision's.
#pragma once

#include <utility>

#include "frostline/layers/silu.hpp"
#include "frostline/models/gated_block.hpp"
#include "frostline/models/heads.hpp"

namespace frostline {
namespace detail {

/// A stage of EfficientNet-B0: its first block changes the shape. `first`: the blocks before it.
struct EfficientStage {
  int in, out, first, blocks, kernel, stride, expansion;
  constexpr GatedBlockSizes sizes(int i) const {
    const int from = i == 0 ? in : out;
    return {from, expansion * from, out, kernel, i == 0 ? stride : 1, from / 4};
  }
};
template <EfficientStage S, Probability Drop,
          class Positions = std::make_integer_sequence<int, S.blocks>>
struct EfficientBlocks;
template <EfficientStage S, Probability Drop, int... I>
struct EfficientBlocks<S, Drop, std::integer_sequence<int, I...>> {
  using model = Sequential<GatedBlock<S.sizes(I), SiLU, SiLU, Sigmoid, NormConstants{},
                                      drop_of_block(Drop, S.first + I, 16)>...>;
};

}  // namespace detail

/// EfficientNet-B0. Drop is torchvision's `stochastic_depth_prob`, for which it takes 0.2: blocks
/// that add their input are left out for an image in training, later ones with a larger
/// probability, up to 14 / 16 of Drop. It costs a copy per block. Shapes: {3, H, W} to the head's
/// output; the backbone's stride is 32, and it gives 1280 channels.
/// Source: https://pytorch.org/vision/stable/models/efficientnet.html (Tan and Le 2019)
template <class HeadLayer = DropoutHead<1280, 1000>, Probability Drop = Probability{0}>
struct EfficientNetB0 {
  static_assert(Drop.value >= 0 && Drop.value < 1,
                "frostline: EfficientNetB0 requires a Drop of at least 0 and below 1");
  template <int In, int Out, int First, int Blocks, int Kernel, int Stride, int Expansion>
  using Stage = detail::EfficientBlocks<
      detail::EfficientStage{In, Out, First, Blocks, Kernel, Stride, Expansion}, Drop>;
  using features =
      Sequential<detail::ConvNormActivation<3, 32, 3, 2, 1, SiLU>, Stage<32, 16, 0, 1, 3, 1, 1>,
                 Stage<16, 24, 1, 2, 3, 2, 6>, Stage<24, 40, 3, 2, 5, 2, 6>,
                 Stage<40, 80, 5, 3, 3, 2, 6>, Stage<80, 112, 8, 3, 5, 1, 6>,
                 Stage<112, 192, 11, 4, 5, 2, 6>, Stage<192, 320, 15, 1, 3, 1, 6>,
                 detail::ConvNormActivation<320, 1280, 1, 1, 1, SiLU>>;
  using model = Module<Named<"features", features>, Head<HeadLayer>>;
};

}  // namespace frostline
