// SPDX-License-Identifier: MIT
// BatchNorm2d: batch normalisation over the channels of images.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// A batch norm's constants as a template argument, PyTorch's `eps` and `momentum`:
/// `BatchNorm2d<32, NormConstants{.epsilon = 1e-3f}>`. The running statistics move towards a
/// batch's by the part `momentum` of their distance.
struct NormConstants {
  float epsilon = 1e-5f;
  float momentum = 0.1f;
};

/// Batch normalisation. In training it uses the batch's statistics (biased variance) and updates
/// the running ones (unbiased variance). In evaluation, and in
/// training if it is frozen or only a parameter of it was unfrozen by name, it uses the running
/// ones. `Frozen<..., BatchStatistics>` fixes only the parameters.
/// Shapes: {Channels, H, W} to the same.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
template <int Channels, NormConstants Constants = NormConstants{}>
struct BatchNorm2d : Layer {
  static_assert(Channels > 0, "frostline: BatchNorm2d requires a positive number of channels");
  static_assert(Constants.epsilon > 0 && Constants.epsilon < 1e30f,
                "frostline: BatchNorm2d requires an epsilon above 0 that is finite");
  static_assert(Constants.momentum >= 0 && Constants.momentum <= 1,
                "frostline: BatchNorm2d requires a momentum from 0 to 1");

  static constexpr detail::Kind kind = detail::Kind::batch_norm;
  static constexpr float epsilon = Constants.epsilon;
  static constexpr float momentum = Constants.momentum;

  static constexpr bool accepts(Shape in) { return in.channels == Channels; }
  static constexpr Shape output(Shape in) { return in; }
  static constexpr TensorSpecs parameters() {
    return {{vector_spec("weight", Channels, {Initial::constant, 1}),
             vector_spec("bias", Channels, {Initial::constant, 0})},
            2};
  }
  static constexpr TensorSpecs buffers() {
    return {{vector_spec("running_mean", Channels, {Initial::constant, 0}),
             vector_spec("running_var", Channels, {Initial::constant, 1}),
             TensorSpec{.name = "num_batches_tracked", .type = ElementType::i64}},
            3};
  }
  static constexpr Reads input_gradient_reads(Statistics statistics) {
    const bool batch = statistics == Statistics::batch;
    return {.input = batch, .saved = batch};
  }
  static constexpr Reads parameter_gradient_reads(int parameter, Statistics statistics) {
    if (parameter > 0) return {};  // the bias': sums of the output's gradient
    return {.input = true, .saved = statistics == Statistics::batch};
  }
  /// The batch's mean and 1 / sqrt(variance + epsilon), per channel.
  static constexpr Saved saved(Shape) { return {.fixed = 2 * Channels * sizeof(float)}; }
};

}  // namespace frostline
