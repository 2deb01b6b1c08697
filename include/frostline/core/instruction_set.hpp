// SPDX-License-Identifier: MIT
// The vectors that the CPU backend is compiled for, and a namespace for each kind of them.
#pragma once

// Floats in a vector: the widest that the target computes with at once. Define it to test another
// width (16, 8 or 4) on a machine without it: slow, but correct.
#ifndef FROSTLINE_LANES
#if defined(__AVX512F__)
#define FROSTLINE_LANES 16
#elif defined(__AVX__)
#define FROSTLINE_LANES 8
#else
#define FROSTLINE_LANES 4
#endif
#endif

// The CPU backend is in an inline namespace that is named by the instructions it is compiled for,
// so that files of one program may be compiled with different options (-march): each has kernels,
// executors and networks of its own, under other names for the linker.
#define FROSTLINE_JOIN_NAMES(set, lanes) set##_##lanes
#define FROSTLINE_JOIN(set, lanes) FROSTLINE_JOIN_NAMES(set, lanes)
#if defined(__AVX512F__)
#define FROSTLINE_CPU FROSTLINE_JOIN(avx512, FROSTLINE_LANES)
#elif defined(__AVX2__) && defined(__FMA__)
#define FROSTLINE_CPU FROSTLINE_JOIN(avx2_fma, FROSTLINE_LANES)
#elif defined(__AVX2__)
#define FROSTLINE_CPU FROSTLINE_JOIN(avx2, FROSTLINE_LANES)
#elif defined(__AVX__)
#define FROSTLINE_CPU FROSTLINE_JOIN(avx, FROSTLINE_LANES)
#elif defined(__ARM_NEON)
#define FROSTLINE_CPU FROSTLINE_JOIN(neon, FROSTLINE_LANES)
#else
#define FROSTLINE_CPU FROSTLINE_JOIN(plain, FROSTLINE_LANES)
#endif

// frostline::compiled has the CPU backend for three sets: a program that links it and is compiled
// for one of them (FROSTLINE_KERNELS_COMPILED) takes the bodies of kernels from there, and the
// templates that train/cpu_instances.hpp lists. Others compile them. The library's own files define
// FROSTLINE_COMPILES_KERNELS.
#if defined(FROSTLINE_COMPILED) && !defined(FROSTLINE_COMPILES_KERNELS) && defined(__x86_64__) && \
    !defined(__CUDACC__)
#if (defined(__AVX512F__) && FROSTLINE_LANES == 16) ||                                          \
    (defined(__AVX2__) && defined(__FMA__) && !defined(__AVX512F__) && FROSTLINE_LANES == 8) || \
    (!defined(__AVX__) && FROSTLINE_LANES == 4)
#define FROSTLINE_KERNELS_COMPILED
#endif
#endif
