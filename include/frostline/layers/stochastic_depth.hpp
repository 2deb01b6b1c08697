// SPDX-License-Identifier: MIT
// StochasticDepth: leaves out a residual block for random images in training.
#pragma once

#include <type_traits>

#include "frostline/core/layer.hpp"
#include "frostline/core/model.hpp"
#include "frostline/layers/dropout.hpp"

namespace frostline {

/// At the end of a residual block's main branch: in training, all values of an image are set to
/// zero with this probability, else multiplied by 1 / (1 - probability). In evaluation, and if
/// frozen (without BatchStatistics), values do not change. Which images it are depends on the
/// network's seed, the step and the image's place in the batch, not on the number of threads. A
/// backward assigns the input's gradient or adds to it. Shapes: {C, H, W} to the same. Source:
/// Huang et al. 2016, https://arxiv.org/abs/1603.09382; mode "row" of
/// https://pytorch.org/vision/stable/generated/torchvision.ops.stochastic_depth.html
template <Probability Drop>
struct StochasticDepth : Layer {
  static_assert(Drop.value >= 0 && Drop.value < 1,
                "frostline: StochasticDepth requires a probability of at least 0 and below 1");

  static constexpr bool varies_in_training = true;
  static constexpr Shape output(Shape in) { return in; }
};

namespace detail {

/// StochasticDepth for a block of a model: nothing if the probability is 0.
template <Probability Drop>
using DepthOfBlock = std::conditional_t<(Drop.value > 0), StochasticDepth<Drop>, Identity>;

/// The probability of a model's block `block`: 0 for the first, `last` for the one at `end`.
constexpr Probability drop_of_block(Probability last, int block, int end) {
  return {last.value * float(block) / float(end)};
}

}  // namespace detail
}  // namespace frostline
