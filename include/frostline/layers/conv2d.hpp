// SPDX-License-Identifier: MIT
// Conv2d: a two-dimensional convolution.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline {

/// Shapes: {In, H, W} to {Out, H', W'}; weight Out x In/Groups x Kernel x Kernel, bias Out.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html; starts Kaiming-normal
/// (He et al. 2015) over the outputs, as torchvision's ResNets do.
template <int In, int Out, int Kernel, int Stride = 1, int Padding = 0, int Dilation = 1,
          int Groups = 1, bool Bias = true>
struct Conv2d : Layer {
  static_assert(In > 0 && Out > 0 && Kernel > 0 && Stride > 0 && Padding >= 0 && Dilation > 0,
                "frostline: Conv2d requires positive sizes");
  static_assert(Groups > 0 && In % Groups == 0 && Out % Groups == 0,
                "frostline: Conv2d requires Groups that divide In and Out");

  static constexpr Kind kind = Kind::convolution;
  static constexpr int reach = Dilation * (Kernel - 1) + 1;  // rows that one output row sees

  static constexpr bool accepts(Shape in) {
    return in.channels == In && in.height + 2 * Padding >= reach && in.width + 2 * Padding >= reach;
  }
  static constexpr Shape output(Shape in) {
    return {Out, (in.height + 2 * Padding - reach) / Stride + 1,
            (in.width + 2 * Padding - reach) / Stride + 1};
  }
  static constexpr TensorSpecs parameters() { return specs(Out); }
  static constexpr TensorSpecs parameters_for(int outputs) requires(Groups == 1) {
    return specs(outputs);
  }
  static constexpr Reads parameter_gradient_reads(int parameter, Statistics) {
    return {.input = parameter == 0};
  }
  static constexpr std::int64_t multiply_adds(Shape in) {
    return std::int64_t(output(in).size()) * (In / Groups) * Kernel * Kernel;
  }

 private:
  static constexpr TensorSpecs specs(int outputs) {
    const float fan_out = float(outputs / Groups) * Kernel * Kernel;
    const float fan_in = float(In / Groups) * Kernel * Kernel;
    const TensorSpec weight{
        "weight", 4, {outputs, In / Groups, Kernel, Kernel}, {Initial::normal, 2 / fan_out}};
    if constexpr (Bias)
      return {{weight, vector_spec("bias", outputs, {Initial::uniform, 1 / (3 * fan_in)})}, 2};
    else
      return {{weight}, 1};
  }
};

}  // namespace frostline
