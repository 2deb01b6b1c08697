// SPDX-License-Identifier: MIT
// Reorder on the CPU: between NCHW and the blocked layout; a task is a row of pixels.
#pragma once

#include <algorithm>

#include "frostline/backend/cpu/memory.hpp"
#include "frostline/layers/reorder.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// Interleaves elements of a and b, from `First` on: a, b, a, b, ...
template <int First>
FROSTLINE_INLINE Vector interleave(Vector a, Vector b) {
  constexpr int A = First, B = First + lanes;  // as a pack, nvcc would lose the indices
#if FROSTLINE_LANES == 16
  return __builtin_shufflevector(a, b, A, B, A + 1, B + 1, A + 2, B + 2, A + 3, B + 3, A + 4, B + 4,
                                 A + 5, B + 5, A + 6, B + 6, A + 7, B + 7);
#elif FROSTLINE_LANES == 8
  return __builtin_shufflevector(a, b, A, B, A + 1, B + 1, A + 2, B + 2, A + 3, B + 3);
#else
  return __builtin_shufflevector(a, b, A, B, A + 1, B + 1);
#endif
}
/// Transposes a square of vectors.
FROSTLINE_INLINE void transpose(Vector (&v)[lanes]) {
  FROSTLINE_UNROLL
  for (int step = 1; step < lanes; step *= 2) {
    Vector next[lanes];
    FROSTLINE_UNROLL
    for (int i = 0; i < lanes / 2; ++i) {
      next[2 * i] = interleave<0>(v[i], v[i + lanes / 2]);
      next[2 * i + 1] = interleave<lanes / 2>(v[i], v[i + lanes / 2]);
    }
    FROSTLINE_UNROLL
    for (int i = 0; i < lanes; ++i) v[i] = next[i];
  }
}

/// The same row of at most `lanes` channels in NCHW, `stride` floats apart.
template <class Float>
struct PlaneRows {
  Float* data;
  std::ptrdiff_t stride;
  int channels, width;
};

/// Assigns a row of pixels, or adds to it. Channels without a plane become zero.
template <bool Adds>
FROSTLINE_COMPILED_ONCE void to_pixels(const PlaneRows<const float>& from, float* pixels) {
  int x = 0;
  for (; from.channels == lanes && x + lanes <= from.width; x += lanes) {
    Vector v[lanes];
    FROSTLINE_UNROLL
    for (int i = 0; i < lanes; ++i) v[i] = load_unaligned(from.data + i * from.stride + x);
    transpose(v);
    FROSTLINE_UNROLL
    for (int i = 0; i < lanes; ++i) {
      float* to = pixels + (x + i) * lanes;
      store(to, Adds ? load(to) + v[i] : v[i]);
    }
  }
  for (; x < from.width; ++x)
    for (int i = 0; i < lanes; ++i) {
      const float value = i < from.channels ? from.data[i * from.stride + x] : 0.0f;
      pixels[x * lanes + i] = Adds ? pixels[x * lanes + i] + value : value;
    }
}
/// Assigns the planes' rows, or adds to them.
template <bool Adds>
FROSTLINE_COMPILED_ONCE void to_planes(const float* pixels, const PlaneRows<float>& to) {
  int x = 0;
  for (; to.channels == lanes && x + lanes <= to.width; x += lanes) {
    Vector v[lanes];
    FROSTLINE_UNROLL
    for (int i = 0; i < lanes; ++i) v[i] = load(pixels + (x + i) * lanes);
    transpose(v);
    FROSTLINE_UNROLL
    for (int i = 0; i < lanes; ++i) {
      float* row = to.data + i * to.stride + x;
      store_unaligned(row, Adds ? load_unaligned(row) + v[i] : v[i]);
    }
  }
  for (; x < to.width; ++x)
    for (int i = 0; i < to.channels; ++i) {
      float& value = to.data[i * to.stride + x];
      value = Adds ? value + pixels[x * lanes + i] : pixels[x * lanes + i];
    }
}

/// The planes of a block of a batch, at a row.
template <class Float>
PlaneRows<Float> plane_rows(Float* planes, const BlockedMap& map, int n, int block, int y) {
  const Shape& shape = map.shape;
  return {planes + n * std::ptrdiff_t(shape.size()) +
              std::ptrdiff_t(block * lanes) * std::ptrdiff_t(shape.pixels()) + y * shape.width,
          std::ptrdiff_t(shape.pixels()), std::min(lanes, shape.channels - block * lanes),
          shape.width};
}

template <bool Adds>
FROSTLINE_COMPILED_ONCE void to_blocked(const Call& call, Shape shape, const float* planes,
                                        float* blocked) {
  const BlockedMap map{shape};
  for_each_task(call.team, std::ptrdiff_t(call.batch) * map.blocks(), [&](int task) {
    float* block = blocked + task * map.block();
    if (!Adds) zero_border(map, block);
    for (int y = 0; y < shape.height; ++y)
      to_pixels<Adds>(plane_rows(planes, map, task / map.blocks(), task % map.blocks(), y),
                      block + map.at(0, y, 0));
  });
}
template <bool Adds>
FROSTLINE_COMPILED_ONCE void to_plain(const Call& call, Shape shape, const float* blocked,
                                      float* planes) {
  const BlockedMap map{shape};
  for_each_task(call.team, std::ptrdiff_t(call.batch) * map.blocks(), [&](int task) {
    for (int y = 0; y < shape.height; ++y)
      to_planes<Adds>(blocked + task * map.block() + map.at(0, y, 0),
                      plane_rows(planes, map, task / map.blocks(), task % map.blocks(), y));
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <>
struct Kernel<cpu, Reorder> {
  template <class At>
  static void forward(const Call& call) {
    if constexpr (At::blocked_output)
      detail::to_blocked<false>(call, At::in, call.inputs[0], call.output);
    else
      detail::to_plain<false>(call, At::in, call.inputs[0], call.output);
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    if constexpr (At::blocked_output)
      detail::to_plain<At::accumulates(0)>(call, At::in, call.output_gradient,
                                           call.input_gradients[0]);
    else
      detail::to_blocked<At::accumulates(0)>(call, At::in, call.output_gradient,
                                             call.input_gradients[0]);
  }
};

}  // namespace frostline
