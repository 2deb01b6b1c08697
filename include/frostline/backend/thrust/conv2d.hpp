// SPDX-License-Identifier: MIT
// Conv2d with Thrust: a kernel of our own on CUDA; else columns, products, and a pass over the
// outputs for the layers that a frozen one absorbs.
#pragma once

#include <cmath>

#include "frostline/backend/thrust/conv2d_kernel.hpp"
#include "frostline/backend/thrust/gemm.hpp"
#include "frostline/backend/thrust/reduce.hpp"
#include "frostline/layers/conv2d.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// Weights times the factor of the batch norm after them, and the remaining shift.
struct FoldBatchNorm {
  const float *weights, *bias, *gamma, *beta, *mean, *variance;
  float *folded, *shift;
  int taps;  // weights per output channel
  float epsilon;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const std::ptrdiff_t k = i / taps;
    const double factor = double(gamma[k]) / std::sqrt(double(variance[k]) + double(epsilon));
    folded[i] = float(double(weights[i]) * factor);
    if (i % taps == 0)
      shift[k] =
          float(double(beta[k]) + ((bias ? double(bias[k]) : 0.0) - double(mean[k])) * factor);
  }
};

/// The layers that a convolution absorbs: y = y + shift + added, then the ReLU or ReLU6.
struct Finish {
  std::ptrdiff_t pixels;
  int channels;
  const float *shift, *added;  // null: nothing
  Rectifier rectifier;
  float* y;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    float value = y[i];
    if (shift) value += shift[i / pixels % channels];
    if (added) value += added[i];
    y[i] = rectified(rectifier, value);
  }
};

/// Assigns a batch's outputs with columns and products. Shapes: scratch as Chunk::full.
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void conv2d_by_columns(const AnyCall& call, const FusedConvolution& c) {
  const Windows& w = c.w;
  const std::ptrdiff_t pixels = w.pixels(), k = w.group_taps();
  const auto multiply = [&](const Chunk& chunk, const float* columns) {
    for (int g = 0; g < w.groups; ++g)
      gemm(call.context, w.group_out(), int(chunk.pixels), int(k),
           {c.weights + g * w.group_out() * k, k},
           {columns + g * k * chunk.pixels, chunk.pixels, false, w.taps() * chunk.pixels},
           {call.output + chunk.first_image * w.out_size() + g * w.group_out() * pixels +
                chunk.first_pixel,
            pixels, w.out_size()},
           false, chunk.images);
  };
  if (w.pointwise())
    multiply({0, call.batch, 0, pixels}, call.inputs[0]);
  else
    for_each_chunk(w.taps(), pixels, call.batch, [&](const Chunk& chunk) {
      const ToColumns to{
          w, chunk, call.inputs[0], call.shared_scratch(), chunk.pixels, w.taps() * chunk.pixels};
      for_each_index(call.context, to.count(), to);
      multiply(chunk, to.columns);
    });
  if (c.shift || c.added || c.rectifier != Rectifier::none)
    for_each_index(call.context, call.batch * w.out_size(),
                   Finish{pixels, w.out_channels, c.shift, c.added, c.rectifier, call.output});
}
/// On CUDA, without columns, unless tensor cores may compute the products.
template <int Size>
void conv2d_forward(const Call& call, const FusedConvolution& c) {
#if FROSTLINE_CUDA
  if (c.w.groups == 1 && !context_of(call.context).tf32()) return run_fused<Size>(call.context, c);
#endif
  conv2d_by_columns(call, c);
}

template <class AnyCall>
FROSTLINE_COMPILED_ONCE void conv2d_input_gradient(const AnyCall& call, const Windows& w,
                                                   bool adds) {
  const std::ptrdiff_t pixels = w.pixels(), k = w.group_taps();
  const auto multiply = [&](const Chunk& chunk, float* columns, bool adds_product) {
    for (int g = 0; g < w.groups; ++g)
      gemm(call.context, int(k), int(chunk.pixels), w.group_out(),
           {call.parameters[0] + g * w.group_out() * k, k, true},
           {call.output_gradient + chunk.first_image * w.out_size() + g * w.group_out() * pixels +
                chunk.first_pixel,
            pixels, false, w.out_size()},
           {columns + g * k * chunk.pixels, chunk.pixels, w.taps() * chunk.pixels}, adds_product,
           chunk.images);
  };
  if (w.pointwise()) return multiply({0, call.batch, 0, pixels}, call.input_gradients[0], adds);
  for_each_chunk(w.taps(), pixels, call.batch, [&](const Chunk& chunk) {
    multiply(chunk, call.shared_scratch(), false);
    const FromColumns from{w, chunk, call.shared_scratch(), call.input_gradients[0],
                           adds || chunk.first_pixel > 0};
    for_each_index(call.context, from.count(), from);
  });
}

/// Gathers the outputs' gradients of a chunk, channel by channel. Shapes: (channels, images,
/// pixels).
struct ByChannel {
  const float* from;
  float* to;
  std::ptrdiff_t images, channels, image_pixels, first_pixel, pixels;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const std::ptrdiff_t p = i % pixels, n = i / pixels % images, c = i / pixels / images;
    to[i] = from[(n * channels + c) * image_pixels + first_pixel + p];
  }
};

template <class AnyCall>
FROSTLINE_COMPILED_ONCE void conv2d_weight_gradient(const AnyCall& call, const Windows& w) {
  const std::ptrdiff_t pixels = w.pixels(), k = w.group_taps();
  bool adds = call.accumulate;
  for_each_chunk(w.taps() + w.out_channels, pixels, call.batch, [&](const Chunk& chunk) {
    float* columns = call.shared_scratch();
    const std::ptrdiff_t positions = chunk.size();
    const ToColumns to{w, chunk, call.inputs[0], columns, positions, chunk.pixels};
    for_each_index(call.context, to.count(), to);
    float* gradient = columns + to.count();
    for_each_index(
        call.context, w.out_channels * positions,
        ByChannel{call.output_gradient + chunk.first_image * w.out_size(), gradient, chunk.images,
                  w.out_channels, pixels, chunk.first_pixel, chunk.pixels});
    for (int g = 0; g < w.groups; ++g)
      gemm(call.context, w.group_out(), int(k), int(positions),
           {gradient + g * w.group_out() * positions, positions},
           {columns + g * k * positions, positions, true},
           {call.parameter_gradients[0] + g * w.group_out() * k, k}, adds);
    adds = true;
  });
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

template <int In, int Out, int Size, int Stride, int Padding, int Dilation, int Groups, bool Bias>
struct Kernel<thrust_backend, Conv2d<In, Out, Size, Stride, Padding, Dilation, Groups, Bias>> {
  static constexpr Choice choose(const Situation&) {
    constexpr bool fused = FROSTLINE_CUDA && Groups == 1;
    return {.name = fused ? "implicit product" : "im2col", .absorbs = true};
  }

  static constexpr detail::Pads pads(Shape in) {
    return Conv2d<In, Out, Size, Stride, Padding, Dilation, Groups, Bias>::pads(in);
  }
  template <class At>
  static constexpr detail::device::Windows windows{
      At::in.channels,  At::in.height,     At::in.width, At::out.channels,
      At::out.height,   At::out.width,     Size,         Stride,
      pads(At::in).top, pads(At::in).left, Dilation,     Groups};
  static constexpr int taps = In / Groups * Size * Size;

  template <class At>
  static constexpr std::size_t shared_scratch_bytes(Pass pass) {
    const std::ptrdiff_t pixels = std::ptrdiff_t(At::out.pixels()), all = In * Size * Size;
    if (pass == Pass::parameter_gradient && !At::trains(0)) return 0;
    if (pass == Pass::parameter_gradient)
      return std::size_t((all + Out) * detail::device::Chunk::full(all + Out, pixels).size()) *
             sizeof(float);
    if (windows<At>.pointwise()) return 0;
    return std::size_t(all * detail::device::Chunk::full(all, pixels).size()) * sizeof(float);
  }
  /// A folded batch norm's shifts, and weights with its factors.
  template <class At>
  static constexpr std::size_t packed_floats(Pass pass) {
    return pass == Pass::forward && At::batch_norm ? std::size_t(Out) * (1 + taps) : 0;
  }
  template <class At, Pass pass>
  static void pack(const Call& call) {
    detail::device::for_each_index(
        call.context, std::ptrdiff_t(Out) * taps,
        detail::device::FoldBatchNorm{
            call.parameters[0], Bias ? call.parameters[1] : nullptr, call.batch_norm_parameters[0],
            call.batch_norm_parameters[1], call.batch_norm_buffers[0], call.batch_norm_buffers[1],
            call.packed + Out, call.packed, taps, call.batch_norm_epsilon});
  }

  template <class At>
  static void forward(const Call& call) {
    const float* shift = At::batch_norm ? call.packed : Bias ? call.parameters[1] : nullptr;
    detail::device::conv2d_forward<Size>(
        call, {windows<At>, call.batch, call.inputs[0],
               At::batch_norm ? call.packed + Out : call.parameters[0], shift,
               At::added ? call.added : nullptr, At::rectifier, call.output});
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::device::conv2d_input_gradient(call, windows<At>, At::accumulates(0));
  }
  /// Assigns the gradients of trainable parameters, or adds to them where the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    if constexpr (At::trains(0)) detail::device::conv2d_weight_gradient(call, windows<At>);
    if constexpr (Bias && At::trains(1))
      detail::device::bias_gradient(call, At::out, call.parameter_gradients[1]);
  }
};

}  // namespace frostline
