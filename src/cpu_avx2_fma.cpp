// SPDX-License-Identifier: MIT
// The CPU backend for AVX2 and FMA: frostline::compiled.
#define FROSTLINE_COMPILES_KERNELS
#include "frostline/train/cpu_instances.hpp"
#if !defined(__AVX2__) || !defined(__FMA__) || defined(__AVX512F__) || FROSTLINE_LANES != 8
#error "frostline: this file requires AVX2, FMA, no AVX-512 and 8 lanes"
#endif
