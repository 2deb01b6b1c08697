// SPDX-License-Identifier: MIT
// Upsample with Thrust: bilinear interpolation, one thread per output; its gradient, one per input.
#pragma once

#include "frostline/backend/thrust/memory.hpp"
#include "frostline/layers/upsample.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// The two neighbours of an output along one axis, and the weight of the second.
struct Neighbours {
  int first, second;
  float weight;
  FROSTLINE_DEVICE Neighbours(int output, int in, int out) {
    const float place = (float(output) + 0.5f) * (float(in) / float(out)) - 0.5f;
    const float at = place > 0 ? place : 0.0f;
    first = int(at) < in - 1 ? int(at) : in - 1;
    second = first + 1 < in - 1 ? first + 1 : in - 1;
    weight = at - float(first);
  }
  /// Whether an output reads an input, even if its weight is zero.
  FROSTLINE_DEVICE bool has(int input) const { return input == first || input == second; }
  /// The weight of that input.
  FROSTLINE_DEVICE float of(int input) const {
    return (input == first ? 1 - weight : 0.0f) + (input == second ? weight : 0.0f);
  }
};
/// Outputs [first, last) along one axis, which include all that read an input.
struct Seers {
  int first, last;
  FROSTLINE_DEVICE Seers(int input, int in, int out) {
    const float scale = float(out) / float(in);
    const int low = int((float(input) - 0.5f) * scale - 0.5f) - 1;
    const int high = int((float(input) + 1.5f) * scale - 0.5f) + 2;
    first = low > 0 && input > 0 ? low : 0;
    last = high < out && input < in - 1 ? high : out;
  }
};
struct Sizes {
  int in_height, in_width, height, width;
};
struct Interpolate {
  Sizes size;
  const float* x;
  float* y;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const Neighbours h(int(i % size.width), size.in_width, size.width);
    const Neighbours v(int(i / size.width % size.height), size.in_height, size.height);
    const float* plane = x + i / size.width / size.height * size.in_height * size.in_width;
    const float *upper = plane + v.first * size.in_width, *lower = plane + v.second * size.in_width;
    const float above = (1 - h.weight) * upper[h.first] + h.weight * upper[h.second];
    const float below = (1 - h.weight) * lower[h.first] + h.weight * lower[h.second];
    y[i] = (1 - v.weight) * above + v.weight * below;
  }
};
struct InterpolateGradient {
  Sizes size;
  const float* dy;
  float* dx;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const int column = int(i % size.in_width), row = int(i / size.in_width % size.in_height);
    const float* plane = dy + i / size.in_width / size.in_height * size.height * size.width;
    const Seers rows(row, size.in_height, size.height);
    const Seers columns(column, size.in_width, size.width);
    float sum = 0;
    for (int y = rows.first; y < rows.last; ++y) {
      const Neighbours v(y, size.in_height, size.height);
      if (!v.has(row)) continue;
      float along = 0;
      for (int at = columns.first; at < columns.last; ++at)
        if (const Neighbours h(at, size.in_width, size.width); h.has(column))
          along += h.of(column) * plane[y * size.width + at];
      sum += v.of(row) * along;
    }
    put(dx[i], sum, adds);
  }
};

template <class AnyCall>
FROSTLINE_COMPILED_ONCE void upsample_forward(const AnyCall& call, Shape in, Shape out) {
  for_each_index(
      call.context, call.batch * std::ptrdiff_t(out.size()),
      Interpolate{{in.height, in.width, out.height, out.width}, call.inputs[0], call.output});
}
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void upsample_input_gradient(const AnyCall& call, Shape in, Shape out,
                                                     bool adds) {
  for_each_index(call.context, call.batch * std::ptrdiff_t(in.size()),
                 InterpolateGradient{{in.height, in.width, out.height, out.width},
                                     call.output_gradient,
                                     call.input_gradients[0],
                                     adds});
}

/// Assigns zero to the input's gradient of channels that are no class, for the layer before.
struct PutZero {
  float* to;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const { to[i] = 0; }
};

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

template <int Height, int Width>
struct Kernel<thrust_backend, Upsample<Height, Width>> {
  template <class At>
  static void forward(const Call& call) {
    if constexpr (At::bounded)
      detail::for_each_bounded_image<At>(call, std::ptrdiff_t(At::in.size()),
                                         [](const Call& image, Shape in, Shape out) {
                                           detail::device::upsample_forward(image, in, out);
                                         });
    else
      detail::device::upsample_forward(call, At::in, At::out);
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    if constexpr (At::bounded)
      detail::for_each_bounded_image<At>(
          call, std::ptrdiff_t(At::in.size()), [](const Call& image, Shape in, Shape out) {
            detail::device::upsample_input_gradient(image, in, out, At::accumulates(0));
            const auto rest = std::ptrdiff_t(At::in.size() - in.size());
            if (!At::accumulates(0))
              detail::device::for_each_index(
                  image.context, rest,
                  detail::device::PutZero{image.input_gradients[0] + in.size()});
          });
    else
      detail::device::upsample_input_gradient(call, At::in, At::out, At::accumulates(0));
  }
};

}  // namespace frostline
