// SPDX-License-Identifier: MIT
// BatchNorm2d on the CPU: one channel a task, sums in double.
#pragma once

#include <cmath>

#include "frostline/backend/cpu/memory.hpp"
#include "frostline/backend/cpu/parallel.hpp"
#include "frostline/layers/batch_norm2d.hpp"

namespace frostline {

/// The saved buffer of a batch norm, a channel each.
struct BatchNormSaved {
  float *mean, *inverse_deviation, *gradient_sum, *gradient_product;
  BatchNormSaved(float* data, int channels)
      : mean(data),
        inverse_deviation(data + channels),
        gradient_sum(data + 2 * channels),
        gradient_product(data + 3 * channels) {}
};

/// The pixels of one channel in a batch.
struct ChannelOfBatch {
  int batch;
  Shape shape;
  int channel;
  template <class Visit>  // visit(offset of the channel's first pixel in image n)
  void for_each_image(Visit visit) const {
    for (int n = 0; n < batch; ++n)
      visit(std::size_t(n) * shape.size() + std::size_t(channel) * shape.pixels());
  }
  double count() const { return double(batch) * double(shape.pixels()); }
};

/// y = x * scale + shift for one channel.
inline void scale_channel(ChannelOfBatch c, const float* x, float scale, float shift, float* y) {
  c.for_each_image([&](std::size_t at) {
    for (std::size_t p = 0; p < c.shape.pixels(); ++p) y[at + p] = x[at + p] * scale + shift;
  });
}

inline void normalise_by_batch(ChannelOfBatch c, const Call& call, float epsilon, float momentum,
                               float* mean_out, float* inverse_out) {
  const float* x = call.inputs[0];
  const int pixels = int(c.shape.pixels());
  double sum = 0, squares = 0;
  c.for_each_image([&](std::size_t at) {
#pragma omp simd reduction(+ : sum)
    for (int p = 0; p < pixels; ++p) sum += double(x[at + std::size_t(p)]);
  });
  const double mean = sum / c.count();
  c.for_each_image([&](std::size_t at) {
#pragma omp simd reduction(+ : squares)
    for (int p = 0; p < pixels; ++p) {
      const double d = double(x[at + std::size_t(p)]) - mean;
      squares += d * d;
    }
  });
  const double variance = squares / c.count();
  const double inverse = 1 / std::sqrt(variance + double(epsilon));
  const double unbiased = c.count() > 1 ? squares / (c.count() - 1) : variance;
  float& running_mean = call.buffers[0][c.channel];
  float& running_var = call.buffers[1][c.channel];
  running_mean = float((1 - double(momentum)) * double(running_mean) + double(momentum) * mean);
  running_var = float((1 - double(momentum)) * double(running_var) + double(momentum) * unbiased);
  if (mean_out) {
    mean_out[c.channel] = float(mean);
    inverse_out[c.channel] = float(inverse);
  }
  const double scale = double(call.parameters[0][c.channel]) * inverse;
  const double shift = double(call.parameters[1][c.channel]) - mean * scale;
  scale_channel(c, x, float(scale), float(shift), call.output);
}

/// Sum of the output's gradient, and of its product with the normalised input.
inline void batch_norm_sums(ChannelOfBatch c, const Call& call, const BatchNormSaved& saved) {
  const float mean = saved.mean[c.channel], inverse = saved.inverse_deviation[c.channel];
  const float *x = call.inputs[0], *dy = call.output_gradient;
  const int pixels = int(c.shape.pixels());
  double sum = 0, product = 0;
  c.for_each_image([&](std::size_t at) {
#pragma omp simd reduction(+ : sum, product)
    for (int p = 0; p < pixels; ++p) {
      const std::size_t i = at + std::size_t(p);
      sum += double(dy[i]);
      product += double(dy[i]) * double((x[i] - mean) * inverse);
    }
  });
  saved.gradient_sum[c.channel] = float(sum);
  saved.gradient_product[c.channel] = float(product);
}

inline void batch_norm_input_gradient(ChannelOfBatch c, const Call& call,
                                      const BatchNormSaved& saved, bool adds) {
  const float inverse = saved.inverse_deviation[c.channel];
  const float factor = call.parameters[0][c.channel] * inverse;
  const float sum = float(double(saved.gradient_sum[c.channel]) / c.count());
  const float product = float(double(saved.gradient_product[c.channel]) / c.count());
  const float mean = saved.mean[c.channel];
  const float *x = call.inputs[0], *dy = call.output_gradient;
  float* dx = call.input_gradients[0];
  const int pixels = int(c.shape.pixels());
  c.for_each_image([&](std::size_t at) {
    for (int p = 0; p < pixels; ++p) {
      const std::size_t i = at + std::size_t(p);
      const float gradient = factor * (dy[i] - sum - (x[i] - mean) * inverse * product);
      dx[i] = adds ? dx[i] + gradient : gradient;
    }
  });
}

// The loops over channels are compiled once for all shapes.
struct BatchNormConstants {
  float epsilon, momentum;
  float running_scale(const Call& call, int k) const {
    return call.parameters[0][k] / std::sqrt(call.buffers[1][k] + epsilon);
  }
};

FROSTLINE_SHARED void batch_norm_forward(Shape shape, const Call& call,
                                         BatchNormConstants constants, bool by_batch, bool keeps) {
  const BatchNormSaved saved(call.saved_fixed, keeps ? shape.channels : 0);
  for_each_task(call.threads, shape.channels, [&](int k) {
    const ChannelOfBatch channel{call.batch, shape, k};
    if (by_batch) {
      normalise_by_batch(channel, call, constants.epsilon, constants.momentum,
                         keeps ? saved.mean : nullptr, saved.inverse_deviation);
      return;
    }
    const float scale = constants.running_scale(call, k);
    scale_channel(channel, call.inputs[0], scale,
                  call.parameters[1][k] - call.buffers[0][k] * scale, call.output);
  });
  if (by_batch) ++*reinterpret_cast<std::int64_t*>(call.buffers[2]);
}

FROSTLINE_SHARED void batch_norm_input_gradient_by_batch(Shape shape, const Call& call,
                                                         bool sums_are_there, bool adds) {
  const BatchNormSaved saved(call.saved_fixed, shape.channels);
  for_each_task(call.threads, shape.channels, [&](int k) {
    const ChannelOfBatch channel{call.batch, shape, k};
    if (!sums_are_there) batch_norm_sums(channel, call, saved);
    batch_norm_input_gradient(channel, call, saved, adds);
  });
}

FROSTLINE_SHARED void batch_norm_input_gradient_running(Shape shape, const Call& call,
                                                        BatchNormConstants constants, bool adds) {
  const float* dy = call.output_gradient;
  float* dx = call.input_gradients[0];
  for_each_task(call.threads, shape.channels, [&](int k) {
    const float scale = constants.running_scale(call, k);
    ChannelOfBatch{call.batch, shape, k}.for_each_image([&](std::size_t at) {
      for (std::size_t i = at; i < at + shape.pixels(); ++i)
        dx[i] = adds ? dx[i] + scale * dy[i] : scale * dy[i];
    });
  });
}

FROSTLINE_SHARED void batch_norm_parameter_gradient(Shape shape, const Call& call) {
  const BatchNormSaved saved(call.saved_fixed, shape.channels);
  float *weight = call.parameter_gradients[0], *bias = call.parameter_gradients[1];
  for_each_task(call.threads, shape.channels, [&](int k) {
    batch_norm_sums({call.batch, shape, k}, call, saved);
    weight[k] = saved.gradient_product[k] + (call.accumulate ? weight[k] : 0.0f);
    bias[k] = saved.gradient_sum[k] + (call.accumulate ? bias[k] : 0.0f);
  });
}

template <int Channels>
struct Kernel<cpu, BatchNorm2d<Channels>> {
  static constexpr BatchNormConstants constants{BatchNorm2d<Channels>::epsilon,
                                                BatchNorm2d<Channels>::momentum};
  template <class At>
  static void forward(const Call& call) {
    batch_norm_forward(At::in, call, constants, At::batch_statistics && call.training, At::keeps);
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    if constexpr (At::batch_statistics)
      batch_norm_input_gradient_by_batch(At::in, call, At::keeps, At::adds(0));
    else
      batch_norm_input_gradient_running(At::in, call, constants, At::adds(0));
  }
  /// Assigns the parameters' gradients, or adds to them where the call says so. It also leaves
  /// both sums for input_gradient, which runs after it.
  template <class At>
  static void parameter_gradient(const Call& call) {
    batch_norm_parameter_gradient(At::in, call);
  }
};

}  // namespace frostline
