// SPDX-License-Identifier: MIT
// LayerNorm2d on the CPU: pixel by pixel, with a row's channels in the cache.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "frostline/backend/cpu/bias_gradient.hpp"
#include "frostline/backend/cpu/block_of_batch.hpp"
#include "frostline/backend/cpu/memory.hpp"
#include "frostline/layers/layer_norm2d.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// The mean over a pixel's channels and 1 / sqrt(variance + epsilon), which the forward saves.
struct PixelNormal {
  float mean, inverse;
};

/// The blocks of channels of one pixel: visit(block, offset, lanes that are channels).
struct PixelBlocks {
  int channels;
  std::ptrdiff_t block;  // from one block to the next

  template <class Visit>
  FROSTLINE_INLINE void for_each(Visit visit) const {
    const int whole = channels / lanes;
    for (int b = 0; b < whole; ++b) visit(b, b * block, lanes);
    if (channels % lanes > 0) visit(whole, whole * block, channels % lanes);
  }
  /// The mean over the channels of value(block, offset), vectors that are zero after the last one.
  template <class Value>
  FROSTLINE_INLINE float mean(Value value) const {
    Vector sum{};
    for_each([&](int b, std::ptrdiff_t at, int exist)
                 __attribute__((always_inline)) { sum += first_lanes(value(b, at), exist); });
    float total = 0;
    for (int i = 0; i < lanes; ++i) total += sum[i];
    return total / float(channels);
  }
  FROSTLINE_INLINE PixelNormal normal(const float* x, float epsilon) const {
    const float centre = mean([&](int, std::ptrdiff_t at) { return load(x + at); });
    const float variance = mean([&](int, std::ptrdiff_t at) {
      const Vector difference = load(x + at) - splat(centre);
      return difference * difference;
    });
    // As in PyTorch, a variance that overflows makes all of the pixel's results not-a-number.
    const float inverse = 1 / std::sqrt(variance + epsilon);
    return {centre, inverse > 0 ? inverse : std::numeric_limits<float>::quiet_NaN()};
  }
};

/// The pixels of a batch with their places, shared by the team in pieces of rows:
/// body(offset of the pixel's first channel, its normal in the saved buffer or null).
template <class Body>
FROSTLINE_INLINE void for_each_pixel(const Call& call, const BlockedMap& map, Body body) {
  constexpr int piece = 16;  // a sequence of tokens is one row
  const int height = map.shape.height, width = map.shape.width, pieces = divide_up(width, piece);
  for_each_task(call.team, std::ptrdiff_t(call.batch) * height * pieces, [&](int task) {
    const int n = task / pieces / height, y = task / pieces % height;
    const int first = task % pieces * piece, last = std::min(first + piece, width);
    auto* saved =
        call.saved
            ? reinterpret_cast<PixelNormal*>(call.saved + std::size_t(n) * call.saved_stride) +
                  y * width
            : nullptr;
    for (int x = first; x < last; ++x)
      body(n * map.sample() + map.at(0, y, x), saved ? saved + x : nullptr);
  });
}

/// A parameter of each channel, in whole blocks with zeros after the last; in `to`.
inline const float* padded_channels(const float* from, const BlockedMap& map, float* to) {
  for (int k = 0; k < map.blocks() * lanes; ++k) to[k] = k < map.shape.channels ? from[k] : 0.0f;
  return to;
}

// The loops are compiled once for all shapes.
FROSTLINE_COMPILED_ONCE void layer_norm_forward(const Call& call, const BlockedMap& map,
                                                float epsilon, bool saves) {
  float* scratch = call.thread_scratch();
  const float* weight = padded_channels(call.parameters[0], map, scratch);
  const float* bias = padded_channels(call.parameters[1], map, scratch + map.blocks() * lanes);
  const PixelBlocks blocks{map.shape.channels, map.block()};
  zero_borders(call.team, map, call.output, call.batch);
  for_each_pixel(call, map, [&](std::ptrdiff_t pixel, PixelNormal* saved) {
    const float* x = call.inputs[0] + pixel;
    const PixelNormal normal = blocks.normal(x, epsilon);
    if (saves) *saved = normal;
    const Vector mean = splat(normal.mean), inverse = splat(normal.inverse);
    blocks.for_each([&](int b, std::ptrdiff_t at, int exist) {
      const Vector y =
          (load(x + at) - mean) * inverse * load(weight + b * lanes) + load(bias + b * lanes);
      store(call.output + pixel + at, first_lanes(y, exist));
    });
  });
}

/// With g = dy * weight and the normalised x: dx = (g - mean(g) - x * mean(g * x)) * inverse.
template <bool Adds>
FROSTLINE_COMPILED_ONCE void layer_norm_input_gradient(const Call& call, const BlockedMap& map) {
  const float* weight = padded_channels(call.parameters[0], map, call.thread_scratch());
  const PixelBlocks blocks{map.shape.channels, map.block()};
  if constexpr (!Adds) zero_borders(call.team, map, call.input_gradients[0], call.batch);
  for_each_pixel(call, map, [&](std::ptrdiff_t pixel, const PixelNormal* saved) {
    const Vector mean = splat(saved->mean), inverse = splat(saved->inverse);
    const auto normalised = [&](std::ptrdiff_t at) __attribute__((always_inline)) {
      return (load(call.inputs[0] + pixel + at) - mean) * inverse;
    };
    const auto slope = [&](int b, std::ptrdiff_t at) __attribute__((always_inline)) {
      return load(call.output_gradient + pixel + at) * load(weight + b * lanes);
    };
    const Vector shift = splat(blocks.mean(slope));
    const Vector factor =
        splat(blocks.mean([&](int b, std::ptrdiff_t at) { return slope(b, at) * normalised(at); }));
    blocks.for_each([&](int b, std::ptrdiff_t at, int exist) {
      float* to = call.input_gradients[0] + pixel + at;
      const Vector dx = (slope(b, at) - shift - normalised(at) * factor) * inverse;
      store(to, first_lanes(Adds ? load(to) + dx : dx, exist));
    });
  });
}

/// The sums over pixels and batch of dy (the bias') and of its product with the normalised x (the
/// weight's): of a row in float, of rows in double. Null gradients are not computed.
FROSTLINE_COMPILED_ONCE void layer_norm_parameter_gradient(const Call& call,
                                                           const BlockedMap& map) {
  const int height = map.shape.height, width = map.shape.width;
  for_each_block(call, map, [&](const BlockOfBatch& block) {
    OfBlock<double> weight, bias;
    for (int n = 0; n < call.batch; ++n)
      for (int y = 0; y < height; ++y) {
        const auto* normal =
            reinterpret_cast<const PixelNormal*>(call.saved + std::size_t(n) * call.saved_stride) +
            y * width;
        Vector products{}, slopes{};
        for (int x = 0; x < width; ++x) {
          const std::ptrdiff_t at = n * map.sample() + map.at(block.block, y, x);
          const Vector dy = load(call.output_gradient + at);
          products +=
              dy * ((load(call.inputs[0] + at) - splat(normal[x].mean)) * splat(normal[x].inverse));
          slopes += dy;
        }
        for (int i = 0; i < lanes; ++i) {
          weight.of[i] += double(products[i]);
          bias.of[i] += double(slopes[i]);
        }
      }
    const auto put = [&](float* gradients, const OfBlock<double>& sums) {
      for (int i = 0; gradients && i < block.channels(); ++i) {
        float& to = gradients[block.block * lanes + i];
        to = float(sums.of[i]) + (call.accumulate ? to : 0.0f);
      }
    };
    put(call.parameter_gradients[0], weight);
    put(call.parameter_gradients[1], bias);
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <int Channels, Epsilon Added>
struct Kernel<cpu, LayerNorm2d<Channels, Added>> {
  static constexpr Choice choose(const Situation&) { return {Layout::blocked, Layout::blocked}; }
  /// The parameters in whole blocks.
  template <class At>
  static constexpr std::size_t scratch_bytes(Pass pass) {
    const int floats = detail::BlockedMap{At::in}.blocks() * detail::lanes;
    return pass == Pass::parameter_gradient ? 0 : 2 * std::size_t(floats) * sizeof(float);
  }

  template <class At>
  static void forward(const Call& call) {
    detail::layer_norm_forward(call, detail::BlockedMap{At::in}, Added.value,
                               At::saves_for_backward);
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::layer_norm_input_gradient<At::accumulates(0)>(call, detail::BlockedMap{At::in});
  }
  /// Assigns the gradients of the trainable parameters, or adds to them if the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    if constexpr (At::trains(0))
      detail::layer_norm_parameter_gradient(call, detail::BlockedMap{At::in});
    else
      detail::bias_gradient(call.team, detail::BlockedMap{At::in}, call.batch, call.output_gradient,
                            call.accumulate, call.parameter_gradients[1]);
  }
};

}  // namespace frostline
