// SPDX-License-Identifier: MIT
// Upsample on the CPU: bilinear interpolation, a block of channels at a time.
#pragma once

#include "frostline/backend/cpu/reorder.hpp"
#include "frostline/layers/upsample.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// The two neighbours of an output along one axis, and the weight of the second.
struct Neighbours {
  int first, second;
  float weight;
  Neighbours(int output, int in, int out) {
    const float at = std::max(0.0f, (float(output) + 0.5f) * (float(in) / float(out)) - 0.5f);
    first = std::min(int(at), in - 1);
    second = std::min(first + 1, in - 1);
    weight = at - float(first);
  }
};

/// A piece of an output row, short enough for the stack.
struct UpsampledPiece {
  static constexpr int pixels = 64;
  int row, first, width;
  /// The same piece of a block's planes.
  template <class Float>
  PlaneRows<Float> of(Float* planes, const BlockedMap& out, int task) const {
    PlaneRows<Float> rows = plane_rows(planes, out, task / out.blocks(), task % out.blocks(), row);
    rows.data += first;
    rows.width = width;
    return rows;
  }
};
template <class Body>
void for_each_piece(Shape out, Body body) {
  for (int row = 0; row < out.height; ++row)
    for (int x = 0; x < out.width; x += UpsampledPiece::pixels)
      body(UpsampledPiece{row, x, std::min(UpsampledPiece::pixels, out.width - x)});
}

FROSTLINE_COMPILED_ONCE void upsample_forward(const Call& call, const BlockedMap& in,
                                              const BlockedMap& out) {
  for_each_task(call.team, std::ptrdiff_t(call.batch) * in.blocks(), [&](int task) {
    const float* x = call.inputs[0] + task * in.block();
    alignas(sizeof(Vector)) float pixels[UpsampledPiece::pixels * lanes];
    for_each_piece(out.shape, [&](const UpsampledPiece& piece) {
      const Neighbours v(piece.row, in.shape.height, out.shape.height);
      const float *upper = x + in.at(0, v.first, 0), *lower = x + in.at(0, v.second, 0);
      for (int i = 0; i < piece.width; ++i) {
        const Neighbours h(piece.first + i, in.shape.width, out.shape.width);
        const auto mix = [&](const float* row) {
          return (1 - h.weight) * load(row + h.first * lanes) +
                 h.weight * load(row + h.second * lanes);
        };
        store(pixels + i * lanes, (1 - v.weight) * mix(upper) + v.weight * mix(lower));
      }
      to_planes<false>(pixels, piece.of(call.output, out, task));
    });
  });
}
FROSTLINE_COMPILED_ONCE void upsample_input_gradient(const Call& call, const BlockedMap& in,
                                                     const BlockedMap& out, bool adds) {
  for_each_task(call.team, std::ptrdiff_t(call.batch) * in.blocks(), [&](int task) {
    float* dx = call.input_gradients[0] + task * in.block();
    if (!adds) std::fill_n(dx, in.block(), 0.0f);
    alignas(sizeof(Vector)) float pixels[UpsampledPiece::pixels * lanes];
    for_each_piece(out.shape, [&](const UpsampledPiece& piece) {
      to_pixels<false>(piece.of(call.output_gradient, out, task), pixels);
      const Neighbours v(piece.row, in.shape.height, out.shape.height);
      // Outputs between the same neighbours are added up in registers.
      int at = 0;
      Vector left{}, right{};
      const auto flush = [&] {
        const auto add = [&](int y, int column, Vector gradient) {
          float* to = dx + in.at(0, y, column);
          store(to, load(to) + gradient);
        };
        const int next = std::min(at + 1, in.shape.width - 1);
        add(v.first, at, (1 - v.weight) * left);
        add(v.first, next, (1 - v.weight) * right);
        add(v.second, at, v.weight * left);
        add(v.second, next, v.weight * right);
        left = right = Vector{};
      };
      for (int i = 0; i < piece.width; ++i) {
        const Neighbours h(piece.first + i, in.shape.width, out.shape.width);
        if (h.first != at) flush();
        at = h.first;
        left += (1 - h.weight) * load(pixels + i * lanes);
        right += h.weight * load(pixels + i * lanes);
      }
      flush();
    });
  });
}

/// Zeros the input's gradient from this block on, since padded channels must be zero.
inline void zero_blocks(const Call& call, int first, const BlockedMap& in) {
  for_each_task(call.team, in.blocks() - first, [&](int task) {
    std::fill_n(call.input_gradients[0] + (first + task) * in.block(), in.block(), 0.0f);
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <int Height, int Width>
struct Kernel<cpu, Upsample<Height, Width>> {
  static constexpr Choice choose(const Situation&) { return {Layout::blocked, Layout::plain}; }
  template <class At>
  static void forward(const Call& call) {
    if constexpr (At::bounded)
      detail::for_each_bounded_image<At>(
          call, detail::BlockedMap{At::in}.sample(), [](const Call& image, Shape in, Shape out) {
            detail::upsample_forward(image, detail::BlockedMap{in}, detail::BlockedMap{out});
          });
    else
      detail::upsample_forward(call, detail::BlockedMap{At::in}, detail::BlockedMap{At::out});
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    if constexpr (At::bounded)
      detail::for_each_bounded_image<At>(
          call, detail::BlockedMap{At::in}.sample(), [](const Call& image, Shape in, Shape out) {
            detail::upsample_input_gradient(image, detail::BlockedMap{in}, detail::BlockedMap{out},
                                            At::accumulates(0));
            if (!At::accumulates(0))
              detail::zero_blocks(image, detail::BlockedMap{in}.blocks(),
                                  detail::BlockedMap{At::in});
          });
    else
      detail::upsample_input_gradient(call, detail::BlockedMap{At::in}, detail::BlockedMap{At::out},
                                      At::accumulates(0));
  }
};

}  // namespace frostline
