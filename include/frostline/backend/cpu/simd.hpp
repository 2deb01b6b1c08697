// SPDX-License-Identifier: MIT
// simd: a native vector of floats, and the register tile of which all fast kernels consist.
#pragma once

#include <cstddef>
#include <cstdint>

#include "frostline/core/instruction_set.hpp"

#define FROSTLINE_INLINE [[gnu::always_inline]] inline
// Loops over registers must be unrolled completely, otherwise the compiler keeps them in memory.
// nvcc passes g++'s pragmas on to g++, and warns that it does not know them itself.
#ifdef __CUDACC__
#define FROSTLINE_LOOP(pragma) \
  _Pragma("nv_diag_suppress 1675") _Pragma(pragma) _Pragma("nv_diag_default 1675")
#else
#define FROSTLINE_LOOP(pragma) _Pragma(pragma)
#endif
#ifdef __clang__
#define FROSTLINE_UNROLL FROSTLINE_LOOP("clang loop unroll(full)")
#define FROSTLINE_UNROLL_2 FROSTLINE_LOOP("clang loop unroll_count(2)")
#define FROSTLINE_NO_UNROLL FROSTLINE_LOOP("clang loop unroll(disable)")
#else
#define FROSTLINE_UNROLL FROSTLINE_LOOP("GCC unroll 64")
#define FROSTLINE_UNROLL_2 FROSTLINE_LOOP("GCC unroll 2")
#define FROSTLINE_NO_UNROLL FROSTLINE_LOOP("GCC unroll 1")
#endif

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// Floats in a native vector; also the channels of a block in the blocked layout.
inline constexpr int lanes = FROSTLINE_LANES;

typedef float Vector __attribute__((vector_size(4 * FROSTLINE_LANES), may_alias));
typedef float UnalignedVector
    __attribute__((vector_size(4 * FROSTLINE_LANES), may_alias, aligned(4)));

typedef std::int32_t Bits __attribute__((vector_size(4 * FROSTLINE_LANES)));  // of a Vector

/// `from` and `to` are aligned to a vector; load_unaligned and store_unaligned take any floats.
FROSTLINE_INLINE Vector load(const float* from) { return *reinterpret_cast<const Vector*>(from); }
FROSTLINE_INLINE void store(float* to, Vector v) { *reinterpret_cast<Vector*>(to) = v; }
FROSTLINE_INLINE Vector load_unaligned(const float* from) {
  return *reinterpret_cast<const UnalignedVector*>(from);
}
FROSTLINE_INLINE void store_unaligned(float* to, Vector v) {
  *reinterpret_cast<UnalignedVector*>(to) = v;
}
/// Stores past the caches, without reading the line first; `to` is aligned to a vector. A thread
/// calls finish_streaming before others read what it wrote.
FROSTLINE_INLINE void stream(float* to, Vector v) {
#if defined(__AVX512F__) && FROSTLINE_LANES == 16 || defined(__AVX__) && FROSTLINE_LANES <= 8
  asm("vmovntps %1, %0" : "=m"(*reinterpret_cast<Vector*>(to)) : "v"(v));
#else
  store(to, v);
#endif
}
FROSTLINE_INLINE void finish_streaming() {
#if defined(__x86_64__)
  asm volatile("sfence" ::: "memory");
#endif
}
/// Values of more floats than this do not stay in the caches until the next step reads them.
inline constexpr std::ptrdiff_t most_cached_floats = 8 << 20;
FROSTLINE_INLINE Vector splat(float x) { return x - Vector{}; }
/// max(v, 0); NaN stays, as in PyTorch.
FROSTLINE_INLINE Vector relu(Vector v) {
  // g++ would compare and blend; of two operands x86 gives the second one if either is NaN.
#if defined(__AVX512F__) && FROSTLINE_LANES == 16 || defined(__AVX__) && FROSTLINE_LANES <= 8
  asm("vmaxps %1, %2, %0" : "=v"(v) : "v"(v), "v"(Vector{}));
  return v;
#else
  return v < Vector{} ? Vector{} : v;
#endif
}
/// min(max(v, 0), 6); NaN stays.
FROSTLINE_INLINE Vector relu6(Vector v) {
  const Vector six = splat(6);
  v = relu(v);
#if defined(__AVX512F__) && FROSTLINE_LANES == 16 || defined(__AVX__) && FROSTLINE_LANES <= 8
  asm("vminps %1, %2, %0" : "=v"(v) : "v"(v), "v"(six));
  return v;
#else
  return v > six ? six : v;
#endif
}
/// |v|; also clears the sign of NaN.
FROSTLINE_INLINE Vector magnitude(Vector v) { return Vector(Bits(v) & (Bits{} + 0x7fffffff)); }
/// max(a, b) of numbers without sign, whose bits have the same order; NaN is the largest.
FROSTLINE_INLINE Vector larger(Vector a, Vector b) {
  return Vector(Bits(a) > Bits(b) ? Bits(a) : Bits(b));
}
/// sqrt(v). Compilers call the library's function for each lane, since it may set errno.
FROSTLINE_INLINE Vector square_root(Vector v) {
#if defined(__AVX512F__) && FROSTLINE_LANES == 16 || defined(__AVX__) && FROSTLINE_LANES <= 8
  asm("vsqrtps %1, %0" : "=v"(v) : "v"(v));
#elif defined(__SSE__) && FROSTLINE_LANES == 4
  asm("sqrtps %1, %0" : "=x"(v) : "x"(v));
#elif defined(__aarch64__) && FROSTLINE_LANES == 4
  asm("fsqrt %0.4s, %1.4s" : "=w"(v) : "w"(v));
#else
  for (int l = 0; l < lanes; ++l) v[l] = __builtin_sqrtf(v[l]);
#endif
  return v;
}
/// The first `count` lanes of v, then zeros.
FROSTLINE_INLINE Vector first_lanes(Vector v, int count) {
  alignas(sizeof(Vector)) static constexpr float lane[]{0, 1, 2,  3,  4,  5,  6,  7,
                                                        8, 9, 10, 11, 12, 13, 14, 15};
  return load(lane) < splat(float(count)) ? v : Vector{};
}

/// Hides the origin of a pointer, so that g++ does not keep overlapping reads in registers from one
/// iteration to the next, and spill.
FROSTLINE_INLINE const float* opaque(const float* p) {
  asm("" : "+r"(p));
  return p;
}

/// The number of pixels (broadcast scalars) of a register tile of two vectors: as many as fit in
/// the registers together with two weights and the broadcast.
inline constexpr int tile_pixels = lanes == 16 ? 12 : 6;

/// A register tile: Pixels x Vectors sums of products. All members must be inlined.
template <int Pixels, int Vectors>
struct Tile {
  Vector sums[Pixels][Vectors];

  FROSTLINE_INLINE void zero() {
    FROSTLINE_UNROLL
    for (int p = 0; p < Pixels; ++p) FROSTLINE_UNROLL
    for (int v = 0; v < Vectors; ++v) sums[p][v] = Vector{};
  }
  /// Zeros the last vectors' lanes from `count` on: products of zero weights are NaN if a pixel is
  /// not finite.
  FROSTLINE_INLINE void keep_lanes(int count) {
    FROSTLINE_UNROLL
    for (int p = 0; p < Pixels; ++p)
      sums[p][Vectors - 1] = first_lanes(sums[p][Vectors - 1], count);
  }
  /// Sets the sums of every pixel to the same vectors.
  FROSTLINE_INLINE void start(const float* first) {
    FROSTLINE_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      const Vector value = load_unaligned(first + lanes * v);
      FROSTLINE_UNROLL
      for (int p = 0; p < Pixels; ++p) sums[p][v] = value;
    }
  }
  /// sums[p][v] += x[offset(p)] * weights[v].
  template <class Offset>
  FROSTLINE_INLINE void multiply_add(const float* x, const float* weights, Offset offset) {
    Vector w[Vectors];
    FROSTLINE_UNROLL
    for (int v = 0; v < Vectors; ++v) w[v] = load(weights + lanes * v);
    FROSTLINE_UNROLL
    for (int p = 0; p < Pixels; ++p) {
      const Vector scalar = splat(x[offset(p)]);
      FROSTLINE_UNROLL
      for (int v = 0; v < Vectors; ++v) sums[p][v] += scalar * w[v];
    }
  }
  /// sums[p][v] += x[p * Step] * weights[v].
  template <int Step>
  FROSTLINE_INLINE void multiply_add(const float* x, const float* weights) {
    multiply_add(
        x, weights, [](int p) __attribute__((always_inline)) { return p * Step; });
  }
};

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
