// SPDX-License-Identifier: MIT
// The CPU backend for no vector instructions beyond those of every x86-64 processor:
// frostline::compiled.
#define FROSTLINE_COMPILES_KERNELS
#include "frostline/train/cpu_instances.hpp"
#if defined(__AVX__) || FROSTLINE_LANES != 4
#error "frostline: this file requires no AVX and 4 lanes"
#endif
