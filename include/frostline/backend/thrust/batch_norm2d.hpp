// SPDX-License-Identifier: MIT
// BatchNorm2d with Thrust: sums over each channel, then a pass over the values.
#pragma once

#include <cmath>
#include <cstdint>

#include "frostline/backend/thrust/reduce.hpp"
#include "frostline/layers/batch_norm2d.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// The arguments of a batch norm, as a device reads them.
struct BatchNorm {
  OverBatch at;
  std::ptrdiff_t count;  // the number of a channel's values
  float epsilon, momentum;
  const float *gamma, *beta;
  float *running_mean, *running_variance;
  float *mean, *inverse;  // of the batch, saved
  float* coefficients;    // scratch: three rows of channels

  BatchNorm(const Call& call, Shape shape, float its_epsilon, float its_momentum)
      : at{shape.channels, std::ptrdiff_t(shape.pixels())},
        count(call.batch * at.pixels),
        epsilon(its_epsilon),
        momentum(its_momentum),
        gamma(call.parameters[0]),
        beta(call.parameters[1]),
        running_mean(call.buffers[0]),
        running_variance(call.buffers[1]),
        mean(call.saved_fixed),
        inverse(call.saved_fixed ? call.saved_fixed + shape.channels : nullptr),
        coefficients(call.shared_scratch()) {}
  std::ptrdiff_t size() const { return at.channels * count; }
  FROSTLINE_DEVICE void set(std::ptrdiff_t channel, double a, double b, double c) const {
    coefficients[channel] = float(a);
    coefficients[at.channels + channel] = float(b);
    coefficients[2 * at.channels + channel] = float(c);
  }
  FROSTLINE_DEVICE float get(int row, std::ptrdiff_t channel) const {
    return coefficients[row * at.channels + channel];
  }
  FROSTLINE_DEVICE std::ptrdiff_t channel_of(std::ptrdiff_t i) const {
    return i / at.pixels % at.channels;
  }
};

struct Moments {
  OverBatch at;
  const float* x;
  FROSTLINE_DEVICE Sums operator()(std::ptrdiff_t channel, std::ptrdiff_t i) const {
    const double value = double(x[at(channel, i)]);
    return {value, value * value};
  }
};
/// Updates the running statistics, saves the batch's if the backward needs them, and sets y's
/// factor and shift.
struct UseBatch {
  BatchNorm norm;
  bool saves;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t k, const Sums& sums) const {
    const double count = double(norm.count), mean = sums.first / count;
    const double above = sums.second / count - mean * mean;
    // As in PyTorch, a number that is too large for a float becomes infinite.
    const double variance = above < 0 ? 0 : double(float(above));
    const double unbiased = count > 1 ? variance * count / (count - 1) : variance;
    const double momentum = double(norm.momentum);
    norm.running_mean[k] = float((1 - momentum) * double(norm.running_mean[k]) + momentum * mean);
    norm.running_variance[k] =
        float((1 - momentum) * double(norm.running_variance[k]) + momentum * unbiased);
    const double inverse = 1 / std::sqrt(variance + double(norm.epsilon));
    if (saves) {
      norm.mean[k] = float(mean);
      norm.inverse[k] = float(inverse);
    }
    const double factor = double(norm.gamma[k]) * inverse;
    norm.set(k, factor, double(norm.beta[k]) - mean * factor, 0);
  }
};
struct UseRunning {
  BatchNorm norm;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t k) const {
    const double factor =
        double(norm.gamma[k]) / std::sqrt(double(norm.running_variance[k]) + double(norm.epsilon));
    norm.set(k, factor, double(norm.beta[k]) - double(norm.running_mean[k]) * factor, 0);
  }
};
struct Normalise {
  BatchNorm norm;
  const float* x;
  float* y;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const std::ptrdiff_t k = norm.channel_of(i);
    y[i] = x[i] * norm.get(0, k) + norm.get(1, k);
  }
};
struct CountBatch {
  std::int64_t* batches;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t) const { ++*batches; }
};

template <class AnyCall>
FROSTLINE_COMPILED_ONCE void batch_norm_forward(const AnyCall& call, const BatchNorm& norm,
                                                bool by_batch, bool saves) {
  if (by_batch) {
    sum_rows(call.context, norm.at.channels, norm.count, Moments{norm.at, call.inputs[0]},
             UseBatch{norm, saves});
    for_each_index(call.context, 1, CountBatch{reinterpret_cast<std::int64_t*>(call.buffers[2])});
  } else {
    for_each_index(call.context, norm.at.channels, UseRunning{norm});
  }
  for_each_index(call.context, norm.size(), Normalise{norm, call.inputs[0], call.output});
}

/// The output's gradient and its product with the input, normalised with the batch's statistics.
struct Slopes {
  BatchNorm norm;
  const float *x, *dy;
  FROSTLINE_DEVICE Sums operator()(std::ptrdiff_t k, std::ptrdiff_t i) const {
    const std::ptrdiff_t at = norm.at(k, i);
    const double slope = double(dy[at]);
    return {slope, slope * (double(x[at]) - double(norm.mean[k])) * double(norm.inverse[k])};
  }
};
/// The same with the running statistics.
struct RunningSlopes {
  BatchNorm norm;
  const float *x, *dy;
  FROSTLINE_DEVICE Sums operator()(std::ptrdiff_t k, std::ptrdiff_t i) const {
    const std::ptrdiff_t at = norm.at(k, i);
    const double slope = double(dy[at]);
    return {slope, slope * (double(x[at]) - double(norm.running_mean[k])) /
                       std::sqrt(double(norm.running_variance[k]) + double(norm.epsilon))};
  }
};
struct UseSlopes {
  BatchNorm norm;
  PutSlopes put_slopes;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t k, const Sums& sums) const {
    put_slopes(k, sums);
    const double inverse = double(norm.inverse[k]), factor = double(norm.gamma[k]) * inverse;
    const double input = -factor * inverse * sums.second / double(norm.count);
    norm.set(k, factor, input,
             -factor * sums.first / double(norm.count) - input * double(norm.mean[k]));
  }
};
struct NormGradient {
  BatchNorm norm;
  const float *x, *dy;  // x null: running statistics
  float* dx;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const std::ptrdiff_t k = norm.channel_of(i);
    float gradient = dy[i] * norm.get(0, k);
    if (x) gradient += x[i] * norm.get(1, k) + norm.get(2, k);
    put(dx[i], gradient, adds);
  }
};

/// Stores the parameters' gradients that are not null, and sets the coefficients of the input's.
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void batch_norm_slopes(const AnyCall& call, const BatchNorm& norm,
                                               bool parameters) {
  PutSlopes put_slopes{nullptr, nullptr, call.accumulate};
  if (parameters) {
    put_slopes.weight = call.parameter_gradients[0];
    put_slopes.bias = call.parameter_gradients[1];
  }
  sum_rows(call.context, norm.at.channels, norm.count,
           Slopes{norm, call.inputs[0], call.output_gradient}, UseSlopes{norm, put_slopes});
}
/// The parameters' gradients with the running statistics.
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void batch_norm_running_slopes(const AnyCall& call, const BatchNorm& norm) {
  sum_rows(call.context, norm.at.channels, norm.count,
           RunningSlopes{norm, call.inputs[0], call.output_gradient},
           PutSlopes{call.parameter_gradients[0], call.parameter_gradients[1], call.accumulate});
}
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void batch_norm_input_gradient(const AnyCall& call, const BatchNorm& norm,
                                                       bool by_batch, bool parameters, bool adds) {
  if (by_batch)
    batch_norm_slopes(call, norm, parameters);
  else
    for_each_index(call.context, norm.at.channels, UseRunning{norm});
  for_each_index(call.context, norm.size(),
                 NormGradient{norm, by_batch ? call.inputs[0] : nullptr, call.output_gradient,
                              call.input_gradients[0], adds});
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

template <int Channels, NormConstants Constants>
struct Kernel<thrust_backend, BatchNorm2d<Channels, Constants>> {
  template <class At>
  static constexpr std::size_t shared_scratch_bytes(Pass) {
    return 3 * Channels * sizeof(float);
  }
  static detail::device::BatchNorm norm(const Call& call, Shape shape) {
    return {call, shape, Constants.epsilon, Constants.momentum};
  }
  template <class At>
  static void forward(const Call& call) {
    detail::device::batch_norm_forward(
        call, norm(call, At::in), At::batch_statistics && call.training, At::saves_for_backward);
  }
  /// Assigns the input's gradient, or adds to it where At says so. With the batch's statistics it
  /// also assigns the gradients of trainable parameters, or adds to them, since it needs their
  /// sums.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::device::batch_norm_input_gradient(call, norm(call, At::in), At::batch_statistics,
                                              At::wants_parameter_gradients, At::accumulates(0));
  }
  /// Assigns the gradients of trainable parameters, or adds to them where the call says so. If
  /// input_gradient, which runs next, computes their sums, this function leaves it to that one.
  template <class At>
  static void parameter_gradient(const Call& call) {
    if constexpr (At::wants_any_input_gradient && At::batch_statistics)
      return;
    else if constexpr (!At::trains(0))
      detail::device::bias_gradient(call, At::in, call.parameter_gradients[1]);
    else if constexpr (At::batch_statistics)
      detail::device::batch_norm_slopes(call, norm(call, At::in), true);
    else
      detail::device::batch_norm_running_slopes(call, norm(call, At::in));
  }
};

}  // namespace frostline
