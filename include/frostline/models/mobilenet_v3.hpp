// SPDX-License-Identifier: MIT
// MobileNetV3-Large and -Small, with the names of torchvision's.
#pragma once

#include <type_traits>
#include <utility>

#include "frostline/layers/hardsigmoid.hpp"
#include "frostline/layers/hardswish.hpp"
#include "frostline/models/gated_block.hpp"
#include "frostline/models/heads.hpp"

namespace frostline {
namespace detail {

struct MobileV3Row {
  int kernel, expanded, out, stride;
  bool gated, hard;  // hard: Hardswish instead of ReLU
};
struct MobileV3LargeTable {
  static constexpr int count = 15;
  static constexpr MobileV3Row rows[count]{
      {3, 16, 16, 1, false, false}, {3, 64, 24, 2, false, false}, {3, 72, 24, 1, false, false},
      {5, 72, 40, 2, true, false},  {5, 120, 40, 1, true, false}, {5, 120, 40, 1, true, false},
      {3, 240, 80, 2, false, true}, {3, 200, 80, 1, false, true}, {3, 184, 80, 1, false, true},
      {3, 184, 80, 1, false, true}, {3, 480, 112, 1, true, true}, {3, 672, 112, 1, true, true},
      {5, 672, 160, 2, true, true}, {5, 960, 160, 1, true, true}, {5, 960, 160, 1, true, true}};
};
struct MobileV3SmallTable {
  static constexpr int count = 11;
  static constexpr MobileV3Row rows[count]{
      {3, 16, 16, 2, true, false}, {3, 72, 24, 2, false, false}, {3, 88, 24, 1, false, false},
      {5, 96, 40, 2, true, true},  {5, 240, 40, 1, true, true},  {5, 240, 40, 1, true, true},
      {5, 120, 48, 1, true, true}, {5, 144, 48, 1, true, true},  {5, 288, 96, 2, true, true},
      {5, 576, 96, 1, true, true}, {5, 576, 96, 1, true, true}};
};

/// A MobileNetV3: {3, H, W} to its head's output. The backbone's stride is 32.
template <class Table, class HeadLayer>
struct MobileNetV3 {
  static constexpr NormConstants norm{.epsilon = 1e-3f, .momentum = 0.01f};
  static constexpr int last = Table::rows[Table::count - 1].out;
  static constexpr GatedBlockSizes sizes(int i) {
    const MobileV3Row& row = Table::rows[i];
    return {i == 0 ? 16 : Table::rows[i - 1].out,
            row.expanded,
            row.out,
            row.kernel,
            row.stride,
            row.gated ? rounded_width(row.expanded / 4, 100) : 0};
  }
  template <int I>
  using Block = GatedBlock<sizes(I), std::conditional_t<Table::rows[I].hard, Hardswish, ReLU>, ReLU,
                           Hardsigmoid, norm>;
  template <int... I>
  static Sequential<ConvNormActivation<3, 16, 3, 2, 1, Hardswish, norm>, Block<I>...,
                    ConvNormActivation<last, 6 * last, 1, 1, 1, Hardswish, norm>>
      sequence(std::integer_sequence<int, I...>);
  using features = decltype(sequence(std::make_integer_sequence<int, Table::count>{}));
  using model = Module<Named<"features", features>, Head<HeadLayer>>;
};

}  // namespace detail

/// Global average pooling and two linear layers, `classifier.0` to `Hidden` features and
/// `classifier.3`, with Hardswish and dropout between them. Shapes: {In, H, W} to {Classes, 1, 1}.
/// The number of classes is a constant, or AtMost<Bound>.
template <int In, auto Classes, int Hidden = In == 960 ? 1280 : 1024,
          Probability Drop = Probability{0.2f}>
struct MobileNetV3Head {
  using last = detail::GivesClasses<Classes, Linear<Hidden, detail::most_of(Classes)>>;
  using model =
      Module<Named<"avgpool", GlobalAveragePool>,
             Named<"classifier", Sequential<Linear<In, Hidden>, Hardswish, Dropout<Drop>, last>>>;
};

/// MobileNetV3-Large and -Small. Shapes: {3, H, W} to the head's output; the backbones' stride is
/// 32, and they give 960 and 576 channels.
/// Source: https://pytorch.org/vision/stable/models/mobilenetv3.html (Howard et al. 2019)
template <class HeadLayer = MobileNetV3Head<960, 1000>>
struct MobileNetV3Large : detail::MobileNetV3<detail::MobileV3LargeTable, HeadLayer> {};
template <class HeadLayer = MobileNetV3Head<576, 1000>>
struct MobileNetV3Small : detail::MobileNetV3<detail::MobileV3SmallTable, HeadLayer> {};

}  // namespace frostline
