// SPDX-License-Identifier: MIT BatchNorm2d on the CPU: a task is one block of channels; all of its
// passes run while it is cached.
#pragma once

#include <cmath>
#include <cstdint>

#include "frostline/backend/cpu/bias_gradient.hpp"
#include "frostline/backend/cpu/block_of_batch.hpp"
#include "frostline/backend/cpu/memory.hpp"
#include "frostline/layers/batch_norm2d.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// A batch's mean and biased variance.
struct BlockStatistics {
  OfBlock<double> mean, variance;
};
/// Reads x once. Sums the differences from a pivot, the mean of a nearby row, so that the variance
/// loses at most a few bits to cancellation, whatever the mean is.
inline BlockStatistics statistics_of(const BlockOfBatch& block, const float* x) {
  OfBlock<double> sum, squares;
  const int width = block.map.shape.width;
  sum_rows(
      block,
      [&](std::ptrdiff_t at) {
        Vector row{};
        for (int p = 0; p < width; ++p) row += load(x + at + p * lanes);
        const Vector mean = row / splat(float(width));
        return mean - mean == Vector{} ? mean : Vector{};  // a pivot must be finite
      },
      [&](std::ptrdiff_t at, Vector pivot, Vector & differences, Vector & products)
          __attribute__((always_inline)) {
            const Vector difference = load(x + at) - pivot;
            differences += difference;
            products += difference * difference;
          },
      [&](const OfBlock<float>& differences, const OfBlock<float>& products, Vector pivots,
          double count) {
        OfBlock<float> pivot_of;
        store(pivot_of.of, pivots);
        for (int i = 0; i < lanes; ++i) {
          const double pivot = double(pivot_of.of[i]), d = double(differences.of[i]);
          sum.of[i] += count * pivot + d;
          squares.of[i] += double(products.of[i]) + pivot * (2 * d + count * pivot);
        }
      });
  BlockStatistics result;
  for (int i = 0; i < lanes; ++i) {
    const double mean = sum.of[i] / block.count();
    result.mean.of[i] = mean;
    const double variance = squares.of[i] / block.count() - mean * mean;
    result.variance.of[i] = variance < 0 ? 0 : variance;
  }
  return result;
}

/// Whether a batch's values are written past the caches.
inline bool is_large(const BlockOfBatch& block) {
  return block.batch * block.map.sample() > most_cached_floats;
}
/// y = x * scale + shift. Shapes: a row of pixels.
FROSTLINE_INLINE void scale_row(const float* x, int width, Vector scale, Vector shift, bool large,
                                float* y) {
  if (large)
    for (int p = 0; p < width * lanes; p += lanes) stream(y + p, load(x + p) * scale + shift);
  else
    for (int p = 0; p < width * lanes; p += lanes) store(y + p, load(x + p) * scale + shift);
}

/// A batch norm as y = x * scale + shift. Both are zero in padded channels, as x is.
struct BlockScale {
  OfBlock<float> scale, shift;

  static BlockScale running(const BlockOfBatch& block, const Call& call, float epsilon) {
    BlockScale result;
    for (int i = 0; i < block.channels(); ++i) {
      const int k = block.block * lanes + i;
      result.scale.of[i] = call.parameters[0][k] / std::sqrt(call.buffers[1][k] + epsilon);
      result.shift.of[i] = call.parameters[1][k] - call.buffers[0][k] * result.scale.of[i];
    }
    return result;
  }
  /// Updates the running statistics with the batch's, and saves these for the backward.
  static BlockScale by_batch(const BlockOfBatch& block, const Call& call, NormConstants constants,
                             bool saves) {
    const BlockStatistics batch = statistics_of(block, call.inputs[0]);
    const double momentum = double(constants.momentum), count = block.count();
    BlockScale result;
    for (int i = 0; i < block.channels(); ++i) {
      const int k = block.block * lanes + i;
      const double mean = batch.mean.of[i], variance = batch.variance.of[i];
      const double unbiased = count > 1 ? variance * count / (count - 1) : variance;
      const auto move = [&](float& running, double to) {
        running = float((1 - momentum) * double(running) + momentum * to);
      };
      move(call.buffers[0][k], mean);
      move(call.buffers[1][k], unbiased);
      const double inverse = 1 / std::sqrt(variance + double(constants.epsilon));
      if (saves) {
        call.saved_fixed[k] = float(mean);
        call.saved_fixed[block.map.shape.channels + k] = float(inverse);
      }
      const double scale = double(call.parameters[0][k]) * inverse;
      result.scale.of[i] = float(scale);
      result.shift.of[i] = float(double(call.parameters[1][k]) - mean * scale);
    }
    return result;
  }
};

// The loops over channels are compiled once for all shapes.
void batch_norm_forward(Shape shape, const Call& call, NormConstants constants, bool by_batch,
                        bool saves);

/// Sums over a batch of the output's gradient, and of its product with the normalised input.
struct GradientSums {
  OfBlock<double> gradient, product;
};
/// The mean and 1 / sqrt(variance + epsilon) with which a block was normalised.
struct BlockNormal {
  OfBlock<float> mean, inverse;

  static BlockNormal by_batch(const BlockOfBatch& block, const Call& call) {
    return {block.load_channels(call.saved_fixed),
            block.load_channels(call.saved_fixed + block.map.shape.channels)};
  }
  static BlockNormal running(const BlockOfBatch& block, const Call& call, float epsilon) {
    BlockNormal result{block.load_channels(call.buffers[0]), {}};
    for (int i = 0; i < block.channels(); ++i)
      result.inverse.of[i] = 1 / std::sqrt(call.buffers[1][block.block * lanes + i] + epsilon);
    return result;
  }
};
inline GradientSums gradient_sums(const BlockOfBatch& block, const Call& call,
                                  const BlockNormal& normal) {
  const float *x = call.inputs[0], *dy = call.output_gradient;
  const OfBlock<float>& inverse = normal.inverse;
  const Vector mean = load(normal.mean.of);
  GradientSums sums;
  sum_rows(
      block, [](std::ptrdiff_t) { return nullptr; },
      [&](std::ptrdiff_t at, std::nullptr_t, Vector & gradient, Vector & product)
          __attribute__((always_inline)) {
            const Vector slope = load(dy + at);
            gradient += slope;
            product += slope * (load(x + at) - mean);
          },
      [&](const OfBlock<float>& gradient, const OfBlock<float>& product, std::nullptr_t, double) {
        for (int i = 0; i < lanes; ++i) {
          sums.gradient.of[i] += double(gradient.of[i]);
          sums.product.of[i] += double(product.of[i]) * double(inverse.of[i]);
        }
      });
  return sums;
}
inline void put_parameter_gradients(const BlockOfBatch& block, const Call& call,
                                    const GradientSums& sums) {
  const auto put = [&](float* gradients, const OfBlock<double>& by) {
    for (int i = 0; gradients && i < block.channels(); ++i) {
      float& gradient = gradients[block.block * lanes + i];
      gradient = float(by.of[i]) + (call.accumulate ? gradient : 0.0f);
    }
  };
  put(call.parameter_gradients[0], sums.product);
  put(call.parameter_gradients[1], sums.gradient);
}

void batch_norm_parameter_gradient(Shape shape, const Call& call, float epsilon, bool by_batch);

/// dx = gradient * dy + input * x + shift.
struct BlockGradient {
  OfBlock<float> gradient, input, shift;

  static BlockGradient by_batch(const BlockOfBatch& block, const Call& call,
                                const GradientSums& sums) {
    BlockGradient result;
    for (int i = 0; i < block.channels(); ++i) {
      const int k = block.block * lanes + i;
      const double mean = double(call.saved_fixed[k]);
      const double inverse = double(call.saved_fixed[block.map.shape.channels + k]);
      const double factor = double(call.parameters[0][k]) * inverse;
      const double input = -factor * inverse * sums.product.of[i] / block.count();
      result.gradient.of[i] = float(factor);
      result.input.of[i] = float(input);
      result.shift.of[i] = float(-factor * sums.gradient.of[i] / block.count() - input * mean);
    }
    return result;
  }
};

template <bool Adds, bool ByBatch>
FROSTLINE_COMPILED_ONCE void batch_norm_input_gradient(Shape shape, const Call& call,
                                                       NormConstants constants, bool parameters) {
  for_each_block(call, BlockedMap{shape}, [&](const BlockOfBatch& block) {
    BlockGradient by;
    if constexpr (ByBatch) {
      const GradientSums sums = gradient_sums(block, call, BlockNormal::by_batch(block, call));
      if (parameters) put_parameter_gradients(block, call, sums);
      by = BlockGradient::by_batch(block, call, sums);
    } else {
      by.gradient = BlockScale::running(block, call, constants.epsilon).scale;
    }
    const Vector gradient = load(by.gradient.of), input = load(by.input.of);
    const Vector shift = load(by.shift.of);
    const bool large = !Adds && is_large(block);
    block.for_each_row(ByBatch, [&](std::ptrdiff_t first) {
      FROSTLINE_UNROLL_2
      for (std::ptrdiff_t at = first; at < first + shape.width * lanes; at += lanes) {
        Vector dx = load(call.output_gradient + at) * gradient;
        if constexpr (ByBatch) dx += load(call.inputs[0] + at) * input + shift;
        if constexpr (Adds) dx += load(call.input_gradients[0] + at);
        large ? stream(call.input_gradients[0] + at, dx) : store(call.input_gradients[0] + at, dx);
      }
    });
    finish_streaming();
    if constexpr (!Adds) block.zero_borders(call.input_gradients[0]);
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <int Channels, NormConstants constants>
struct Kernel<cpu, BatchNorm2d<Channels, constants>> {
  static constexpr Choice choose(const Situation&) { return {Layout::blocked, Layout::blocked}; }

  template <class At>
  static void forward(const Call& call) {
    detail::batch_norm_forward(At::in, call, constants, At::batch_statistics && call.training,
                               At::saves_for_backward);
  }
  /// Assigns the input's gradient, or adds to it if At says so. With batch statistics it also
  /// computes the gradients of the trainable parameters, since it needs their sums itself.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::batch_norm_input_gradient<At::accumulates(0), At::batch_statistics>(
        At::in, call, constants, At::wants_parameter_gradients);
  }
  /// Assigns the gradients of the trainable parameters, or adds to them if the call says so. With
  /// batch statistics and an input gradient, input_gradient, which runs next, does this instead.
  template <class At>
  static void parameter_gradient(const Call& call) {
    if constexpr (At::wants_any_input_gradient && At::batch_statistics)
      return;
    else if constexpr (At::trains(0))
      detail::batch_norm_parameter_gradient(At::in, call, constants.epsilon, At::batch_statistics);
    else
      detail::bias_gradient(call.team, detail::BlockedMap{At::in}, call.batch, call.output_gradient,
                            call.accumulate, call.parameter_gradients[1]);
  }
};

}  // namespace frostline

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_KERNELS_COMPILED
#include "frostline/backend/cpu/batch_norm2d_body.hpp"
#endif
