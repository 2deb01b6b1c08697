// SPDX-License-Identifier: MIT
// ClassToken, PositionEmbedding and FirstToken with Thrust.
#pragma once

#include "frostline/backend/thrust/elementwise.hpp"
#include "frostline/backend/thrust/reduce.hpp"
#include "frostline/layers/class_token.hpp"
#include "frostline/layers/first_token.hpp"
#include "frostline/layers/position_embedding.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// A token, or each pixel of an image. Shapes: x (batch, channels, tokens - 1), token (channels),
/// y (batch, channels, tokens).
struct PutTokens {
  std::ptrdiff_t channels, tokens;
  const float *x, *token;
  float* y;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const std::ptrdiff_t t = i % tokens, row = i / tokens;
    y[i] = t == 0 ? token[row % channels] : x[row * (tokens - 1) + t - 1];
  }
};
/// Shapes: dx (batch, channels, tokens - 1), dy (batch, channels, tokens).
struct ImageOfTokens {
  std::ptrdiff_t tokens;
  const float* dy;
  float* dx;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const std::ptrdiff_t pixels = tokens - 1;
    put(dx[i], dy[i / pixels * tokens + 1 + i % pixels], adds);
  }
};
/// Shapes: x and y (batch, channels, tokens), embedding (tokens, channels).
struct AddPositions {
  std::ptrdiff_t channels, tokens;
  const float *x, *embedding;
  float* y;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    y[i] = x[i] + embedding[i % tokens * channels + i / tokens % channels];
  }
};
/// The terms of the gradient of a parameter of (tokens, channels), one for each image.
/// Shapes: dy (batch, channels, tokens).
struct TokenSlope {
  std::ptrdiff_t channels, tokens;
  const float* dy;
  FROSTLINE_DEVICE Sums operator()(std::ptrdiff_t row, std::ptrdiff_t n) const {
    return {double(dy[(n * channels + row % channels) * tokens + row / channels]), 0};
  }
};
/// Shapes: x (rows, tokens), y (rows).
struct TakeFirst {
  std::ptrdiff_t tokens;
  const float* x;
  float* y;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const { y[i] = x[i * tokens]; }
};
/// Shapes: dx (rows, tokens), dy (rows).
struct FirstSlope {
  std::ptrdiff_t tokens;
  const float* dy;
  float* dx;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    put(dx[i], i % tokens == 0 ? dy[i / tokens] : 0.0f, adds);
  }
};

/// Assigns the gradient of a parameter of (count, channels), that of the first tokens, or adds to
/// it.
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void tokens_gradient(const AnyCall& call, Shape out, int count) {
  sum_rows(call.context, std::ptrdiff_t(count) * out.channels, call.batch,
           TokenSlope{out.channels, out.width, call.output_gradient},
           PutSum{call.parameter_gradients[0], call.accumulate});
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

template <int Channels>
struct Kernel<thrust_backend, ClassToken<Channels>> {
  template <class At>
  static void forward(const Call& call) {
    detail::device::for_each_index(
        call.context, detail::device::floats_of_batch<At>(call),
        detail::device::PutTokens{Channels, At::out.width, call.inputs[0], call.parameters[0],
                                  call.output});
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::device::for_each_index(
        call.context, call.batch * std::ptrdiff_t(At::in.size()),
        detail::device::ImageOfTokens{At::out.width, call.output_gradient, call.input_gradients[0],
                                      At::accumulates(0)});
  }
  /// Assigns the token's gradient, or adds to it where the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    detail::device::tokens_gradient(call, At::out, 1);
  }
};

template <int Channels, int Tokens>
struct Kernel<thrust_backend, PositionEmbedding<Channels, Tokens>> {
  template <class At>
  static void forward(const Call& call) {
    detail::device::for_each_index(call.context, detail::device::floats_of_batch<At>(call),
                                   detail::device::AddPositions{Channels, Tokens, call.inputs[0],
                                                                call.parameters[0], call.output});
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::device::pass_gradient(call, detail::device::floats_of_batch<At>(call), 0,
                                  At::accumulates(0));
  }
  /// Assigns the embedding's gradient, or adds to it where the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    detail::device::tokens_gradient(call, At::out, Tokens);
  }
};

template <>
struct Kernel<thrust_backend, FirstToken> {
  template <class At>
  static void forward(const Call& call) {
    detail::device::for_each_index(
        call.context, detail::device::floats_of_batch<At>(call),
        detail::device::TakeFirst{At::in.width, call.inputs[0], call.output});
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::device::for_each_index(
        call.context, call.batch * std::ptrdiff_t(At::in.size()),
        detail::device::FirstSlope{At::in.width, call.output_gradient, call.input_gradients[0],
                                   At::accumulates(0)});
  }
};

}  // namespace frostline
