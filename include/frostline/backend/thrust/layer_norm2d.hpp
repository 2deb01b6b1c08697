// SPDX-License-Identifier: MIT
// LayerNorm2d with Thrust: one thread for each pixel, which reads its channels.
#pragma once

#include <cmath>

#include "frostline/backend/thrust/reduce.hpp"
#include "frostline/layers/layer_norm2d.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// The arguments of a layer norm, as a device reads them. Shapes: values (batch, channels, pixels).
struct LayerNorm {
  OverBatch at;
  float epsilon;
  const float *weight, *bias;
  std::byte* saved;  // of each image: mean and 1 / sqrt(variance + epsilon) of each pixel
  std::size_t saved_stride;

  LayerNorm(const Call& call, Shape shape, float its_epsilon)
      : at{shape.channels, std::ptrdiff_t(shape.pixels())},
        epsilon(its_epsilon),
        weight(call.parameters[0]),
        bias(call.parameters[1]),
        saved(call.saved),
        saved_stride(call.saved_stride) {}
  /// The mean and the inverse of the i-th pixel of the batch.
  FROSTLINE_DEVICE float* normal(std::ptrdiff_t i) const {
    std::byte* image = saved + std::size_t(i / at.pixels) * saved_stride;
    return reinterpret_cast<float*>(image) + 2 * (i % at.pixels);
  }
};

struct NormalisePixel {
  LayerNorm norm;
  const float* x;
  float* y;
  bool saves;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const std::ptrdiff_t channels = norm.at.channels;
    double sum = 0, squares = 0;
    for (std::ptrdiff_t k = 0; k < channels; ++k) sum += double(x[norm.at(k, i)]);
    const double mean = sum / double(channels);
    for (std::ptrdiff_t k = 0; k < channels; ++k) {
      const double difference = double(x[norm.at(k, i)]) - mean;
      squares += difference * difference;
    }
    // As in PyTorch, a variance that is too large for a float makes all results not-a-number.
    const auto variance = float(squares / double(channels));
    const float inverse = 1 / std::sqrt(variance + norm.epsilon) + (variance - variance);
    const auto centre = float(mean);
    if (saves) {
      norm.normal(i)[0] = centre;
      norm.normal(i)[1] = inverse;
    }
    for (std::ptrdiff_t k = 0; k < channels; ++k) {
      const std::ptrdiff_t place = norm.at(k, i);
      y[place] = (x[place] - centre) * inverse * norm.weight[k] + norm.bias[k];
    }
  }
};

/// With g = dy * weight and the normalised x: dx = (g - mean(g) - x * mean(g * x)) * inverse.
struct PixelGradient {
  LayerNorm norm;
  const float *x, *dy;
  float* dx;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const std::ptrdiff_t channels = norm.at.channels;
    const float mean = norm.normal(i)[0], inverse = norm.normal(i)[1];
    double slopes = 0, products = 0;
    for (std::ptrdiff_t k = 0; k < channels; ++k) {
      const std::ptrdiff_t place = norm.at(k, i);
      const float slope = dy[place] * norm.weight[k];
      slopes += double(slope);
      products += double(slope) * double((x[place] - mean) * inverse);
    }
    const auto shift = float(slopes / double(channels));
    const auto factor = float(products / double(channels));
    for (std::ptrdiff_t k = 0; k < channels; ++k) {
      const std::ptrdiff_t place = norm.at(k, i);
      const float normalised = (x[place] - mean) * inverse;
      put(dx[place], (dy[place] * norm.weight[k] - shift - normalised * factor) * inverse, adds);
    }
  }
};

/// The output's gradient and its product with the normalised input.
struct PixelSlopes {
  LayerNorm norm;
  const float *x, *dy;
  FROSTLINE_DEVICE Sums operator()(std::ptrdiff_t k, std::ptrdiff_t i) const {
    const std::ptrdiff_t place = norm.at(k, i);
    const double slope = double(dy[place]);
    return {slope, slope * double((x[place] - norm.normal(i)[0]) * norm.normal(i)[1])};
  }
};

template <class AnyCall>
FROSTLINE_COMPILED_ONCE void layer_norm_forward(const AnyCall& call, const LayerNorm& norm,
                                                bool saves) {
  for_each_index(call.context, call.batch * norm.at.pixels,
                 NormalisePixel{norm, call.inputs[0], call.output, saves});
}
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void layer_norm_input_gradient(const AnyCall& call, const LayerNorm& norm,
                                                       bool adds) {
  for_each_index(
      call.context, call.batch * norm.at.pixels,
      PixelGradient{norm, call.inputs[0], call.output_gradient, call.input_gradients[0], adds});
}
/// Stores the parameters' gradients that are not null.
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void layer_norm_parameter_gradient(const AnyCall& call,
                                                           const LayerNorm& norm) {
  sum_rows(call.context, norm.at.channels, call.batch * norm.at.pixels,
           PixelSlopes{norm, call.inputs[0], call.output_gradient},
           PutSlopes{call.parameter_gradients[0], call.parameter_gradients[1], call.accumulate});
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

template <int Channels, Epsilon Added>
struct Kernel<thrust_backend, LayerNorm2d<Channels, Added>> {
  template <class At>
  static void forward(const Call& call) {
    detail::device::layer_norm_forward(call, norm<At>(call), At::saves_for_backward);
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::device::layer_norm_input_gradient(call, norm<At>(call), At::accumulates(0));
  }
  /// Assigns the gradients of trainable parameters, or adds to them where the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    if constexpr (At::trains(0))
      detail::device::layer_norm_parameter_gradient(call, norm<At>(call));
    else
      detail::device::bias_gradient(call, At::out, call.parameter_gradients[1]);
  }

 private:
  template <class At>
  static detail::device::LayerNorm norm(const Call& call) {
    return {call, At::in, Added.value};
  }
};

}  // namespace frostline
