// SPDX-License-Identifier: MIT
// StochasticDepth: leaves out a residual block for random images in training.
#pragma once

#include "frostline/core/layer.hpp"
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

}  // namespace frostline
