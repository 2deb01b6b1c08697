// SPDX-License-Identifier: MIT
// The CPU backend for AVX-512: frostline::compiled.
#define FROSTLINE_COMPILES_KERNELS
#include "frostline/train/cpu_instances.hpp"
#if !defined(__AVX512F__) || FROSTLINE_LANES != 16
#error "frostline: this file requires AVX-512 and 16 lanes"
#endif
