// SPDX-License-Identifier: MIT
// Linear on the CPU: register tiles over whole rows of the weight as PyTorch keeps it.
#pragma once

#include <algorithm>

#include "frostline/backend/cpu/memory.hpp"
#include "frostline/backend/cpu/parallel.hpp"
#include "frostline/layers/linear.hpp"

namespace frostline {

/// Rows of a matrix, `stride` floats apart.
template <class Float>
struct Rows {
  Float* data;
  std::ptrdiff_t stride;
  Float* operator[](int row) const { return data + row * stride; }
};

/// c[k] = shift + the products of Outputs rows of b with a row of a, for Samples rows of each.
template <int Samples, int Outputs>
FROSTLINE_INLINE void dot_tile(Rows<const float> a, Rows<const float> b, int depth,
                               const float* shift, Rows<float> c) {
  Vector sums[Samples][Outputs]{};
  int i = 0;
  for (; i + lanes <= depth; i += lanes) {
    Vector weights[Outputs];
    FROSTLINE_UNROLL
    for (int k = 0; k < Outputs; ++k) weights[k] = load_unaligned(b[k] + i);
    FROSTLINE_UNROLL
    for (int n = 0; n < Samples; ++n) {
      const Vector x = load_unaligned(a[n] + i);
      FROSTLINE_UNROLL
      for (int k = 0; k < Outputs; ++k) sums[n][k] += x * weights[k];
    }
  }
  for (int n = 0; n < Samples; ++n)
    for (int k = 0; k < Outputs; ++k) {
      float sum = 0;
      for (int lane = 0; lane < lanes; ++lane) sum += sums[n][k][lane];
      for (int rest = i; rest < depth; ++rest) sum += a[n][rest] * b[k][rest];
      c[n][k] = sum + shift[k];
    }
}
template <int Outputs>
FROSTLINE_INLINE void dot_rows(const Call& call, int in, int out, int k) {
  constexpr int samples = 3;
  const Rows<const float> weight{call.parameters[0] + std::ptrdiff_t(k) * in, in};
  const auto tile = [&]<int Samples>(int n) __attribute__((always_inline)) {
    dot_tile<Samples, Outputs>({call.inputs[0] + std::ptrdiff_t(n) * in, in}, weight, in,
                               call.parameters[1] + k,
                               {call.output + std::ptrdiff_t(n) * out + k, out});
  };
  int n = 0;
  for (; n + samples <= call.batch; n += samples) tile.template operator()<samples>(n);
  for (; n < call.batch; ++n) tile.template operator()<1>(n);
}

/// c[p][i] = (or +=, if adds) the sum over r of a(p, r) * b[r][i].
struct OuterProducts {
  const float* a;
  std::ptrdiff_t a_row, a_sum;  // from one p, one r, to the next
  Rows<const float> b;
  Rows<float> c;
  int rows, depth, columns;
  bool adds;

  template <int Count, int Vectors>
  FROSTLINE_INLINE void tile(int p, int i, int from, int to, bool add) const {
    Vector sums[Count][Vectors]{};
    for (int q = 0; q < Count && add; ++q) {
      FROSTLINE_UNROLL
      for (int v = 0; v < Vectors; ++v) sums[q][v] = load_unaligned(c[p + q] + i + v * lanes);
    }
    for (int r = from; r < to; ++r) {
      Vector x[Vectors];
      FROSTLINE_UNROLL
      for (int v = 0; v < Vectors; ++v) x[v] = load_unaligned(b[r] + i + v * lanes);
      FROSTLINE_UNROLL
      for (int q = 0; q < Count; ++q) {
        const Vector scalar = splat(a[(p + q) * a_row + r * a_sum]);
        FROSTLINE_UNROLL
        for (int v = 0; v < Vectors; ++v) sums[q][v] += scalar * x[v];
      }
    }
    FROSTLINE_UNROLL
    for (int q = 0; q < Count; ++q) {
      FROSTLINE_UNROLL
      for (int v = 0; v < Vectors; ++v) store_unaligned(c[p + q] + i + v * lanes, sums[q][v]);
    }
  }
  /// Rows from p on, Count at a time, and columns from `first` to `last`. Returns the next row.
  template <int Count, int Vectors>
  FROSTLINE_INLINE int row_tiles(int p, int first, int last, int from, int to, bool add) const {
    for (; p + Count <= rows; p += Count) {
      int i = first;
      for (; i + Vectors * lanes <= last; i += Vectors * lanes)
        tile<Count, Vectors>(p, i, from, to, add);
      for (; i + lanes <= last; i += lanes) tile<Count, 1>(p, i, from, to, add);
      for (; i < last; ++i)
        for (int q = p; q < p + Count; ++q) {
          float sum = add ? c[q][i] : 0.0f;
          for (int r = from; r < to; ++r) sum += a[q * a_row + r * a_sum] * b[r][i];
          c[q][i] = sum;
        }
    }
    return p;
  }
  /// The team shares the columns.
  FROSTLINE_SHARED void run(const Team& team) const {
    constexpr int line = 16, together = 64;  // rows of b that the cache holds
    const int first = int(team.first(divide_up(columns, line))) * line;
    const int last = std::min(int(team.last(divide_up(columns, line))) * line, columns);
    for (int from = 0; from < depth; from += together) {
      const int to = std::min(from + together, depth);
      const bool add = adds || from > 0;
      int p = row_tiles<tile_pixels, 2>(0, first, last, from, to, add);
      p = row_tiles<2, 4>(p, first, last, from, to, add);
      row_tiles<1, 4>(p, first, last, from, to, add);
    }
  }
};

// Compiled once for all sizes.
FROSTLINE_SHARED void linear_forward(const Call& call, int in, int out) {
  constexpr int outputs = 4;
  for_each_part(call.team, out, [&](std::ptrdiff_t first, std::ptrdiff_t last) {
    int k = int(first);
    for (; k + outputs <= last; k += outputs) dot_rows<outputs>(call, in, out, k);
    for (; k < last; ++k) dot_rows<1>(call, in, out, k);
  });
}
inline void linear_input_gradient(const Call& call, int in, int out, bool adds) {
  const OuterProducts products{.a = call.output_gradient,
                               .a_row = out,
                               .a_sum = 1,
                               .b = {call.parameters[0], in},
                               .c = {call.input_gradients[0], in},
                               .rows = call.batch,
                               .depth = out,
                               .columns = in,
                               .adds = adds};
  products.run(call.team);
}
inline void linear_parameter_gradient(const Call& call, int in, int out) {
  const OuterProducts products{.a = call.output_gradient,
                               .a_row = 1,
                               .a_sum = out,
                               .b = {call.inputs[0], in},
                               .c = {call.parameter_gradients[0], in},
                               .rows = out,
                               .depth = call.batch,
                               .columns = in,
                               .adds = call.accumulate};
  products.run(call.team);
  for_each_part(call.team, out, [&](std::ptrdiff_t first, std::ptrdiff_t last) {
    float* bias = call.parameter_gradients[1];
    for (std::ptrdiff_t k = first; k < last; ++k) {
      float sum = call.accumulate ? bias[k] : 0.0f;
      for (int n = 0; n < call.batch; ++n) sum += call.output_gradient[n * std::ptrdiff_t(out) + k];
      bias[k] = sum;
    }
  });
}

template <int In, int Out>
struct Kernel<cpu, Linear<In, Out>> {
  template <class At>
  static void forward(const Call& call) {
    linear_forward(call, In, Out);
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    linear_input_gradient(call, In, Out, At::adds(0));
  }
  /// Assigns the parameters' gradients, or adds to them where the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    linear_parameter_gradient(call, In, Out);
  }
};

}  // namespace frostline
