// SPDX-License-Identifier: MIT
// The CPU backend for AVX2 and FMA: frostline::compiled.
#define FROSTLINE_COMPILES_KERNELS
#include "frostline/train/cpu_instances.hpp"
