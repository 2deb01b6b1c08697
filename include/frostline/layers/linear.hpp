// SPDX-License-Identifier: MIT
// Linear: a fully connected layer.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// Shapes: {In, 1, 1} to {Out, 1, 1}; weight Out x In, bias Out.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.Linear.html
template <int In, int Out>
struct Linear : Layer {
  static_assert(In > 0 && Out > 0, "frostline: Linear requires positive sizes");

  static constexpr bool accepts(Shape in) { return in == Shape{In, 1, 1}; }
  static constexpr Shape output(Shape) { return {Out, 1, 1}; }
  static constexpr TensorSpecs parameters() { return parameters_for(Out); }
  static constexpr TensorSpecs parameters_for(int outputs) {
    const Initial initial{Initial::uniform, 1.0f / (3.0f * In)};  // within 1 / sqrt(In)
    return {{TensorSpec{"weight", 2, {outputs, In, 1, 1}, initial},
             vector_spec("bias", outputs, initial)},
            2};
  }
  static constexpr bool takes_bound = true;
  static constexpr Reads parameter_gradient_reads(int parameter, Statistics) {
    return {.input = parameter == 0};
  }
  static constexpr std::int64_t multiply_adds(Shape) { return std::int64_t(In) * Out; }
};

}  // namespace frostline
