// SPDX-License-Identifier: MIT
// Conv2d: a two-dimensional convolution.
#pragma once

#include "frostline/core/layer.hpp"

namespace frostline::detail {

/// Zeros around an image. Units: rows and columns.
struct Pads {
  int top = 0, left = 0, bottom = 0, right = 0;
};

}  // namespace frostline::detail

namespace frostline {

/// A value for Conv2d's Padding: TensorFlow's "SAME". The output has ceil(H / Stride) rows and
/// ceil(W / Stride) columns, and the image gets the fewest zeros that make this possible. If their
/// number is odd, the extra row is at the bottom and the extra column on the right. PyTorch's
/// padding='same' is the same, but requires stride 1.
/// Source: https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2; timm's Conv2dSame.
inline constexpr int same_padding = -1;

}  // namespace frostline

namespace frostline::detail {

/// The sizes of a convolution as values.
struct ConvolutionSizes {
  int in, out, kernel, stride, padding, dilation, groups;

  constexpr int reach() const { return dilation * (kernel - 1) + 1; }  // rows that one output reads
  /// The zeros around an image of this shape.
  constexpr Pads pads(Shape image) const {
    if (padding != same_padding) return {padding, padding, padding, padding};
    const int rows = same_pads(image.height), columns = same_pads(image.width);
    return {rows / 2, columns / 2, rows - rows / 2, columns - columns / 2};
  }

 private:
  constexpr int same_pads(int size) const {  // rows of zeros above and below `size` rows
    const int outputs = (size + stride - 1) / stride, read = (outputs - 1) * stride + reach();
    return read > size ? read - size : 0;
  }
};

}  // namespace frostline::detail

namespace frostline {

/// Shapes: {In, H, W} to {Out, H', W'}; weight Out x In/Groups x Kernel x Kernel, bias Out.
/// Padding: zeros on each side, or same_padding.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html; initial weights are
/// Kaiming-normal (He et al. 2015, fan_out), as in torchvision's ResNets.
template <int In, int Out, int Kernel, int Stride = 1, int Padding = 0, int Dilation = 1,
          int Groups = 1, bool Bias = true>
struct Conv2d : Layer {
  static_assert(In > 0 && Out > 0 && Kernel > 0 && Stride > 0 && Dilation > 0,
                "frostline: Conv2d requires positive sizes");
  static_assert(Padding >= 0 || Padding == same_padding,
                "frostline: Conv2d requires a Padding of 0 or more, or same_padding");
  static_assert(Groups > 0 && In % Groups == 0 && Out % Groups == 0,
                "frostline: Conv2d requires Groups that divide In and Out");

  static constexpr detail::Kind kind = detail::Kind::convolution;
  static constexpr detail::ConvolutionSizes sizes{In,      Out,      Kernel, Stride,
                                                  Padding, Dilation, Groups};
  static constexpr int reach = sizes.reach();

  /// The zeros around an image of this shape.
  static constexpr detail::Pads pads(Shape in) { return sizes.pads(in); }
  static constexpr bool accepts(Shape in) {
    const Shape padded = with_pads(in);
    return in.channels == In && padded.height >= reach && padded.width >= reach;
  }
  static constexpr Shape output(Shape in) {
    const Shape padded = with_pads(in);
    return {Out, (padded.height - reach) / Stride + 1, (padded.width - reach) / Stride + 1};
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
  static constexpr Shape with_pads(Shape in) {
    const detail::Pads around = pads(in);
    return {in.channels, in.height + around.top + around.bottom,
            in.width + around.left + around.right};
  }
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
