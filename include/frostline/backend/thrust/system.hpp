// SPDX-License-Identifier: MIT
// The system that Thrust computes on: CUDA where nvcc compiles, else OpenMP unless said otherwise.
#pragma once

#if !defined(THRUST_DEVICE_SYSTEM) && !defined(__CUDACC__)
#define THRUST_DEVICE_SYSTEM THRUST_DEVICE_SYSTEM_OMP
#endif

#include <thrust/execution_policy.h>
#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>

#include <cstddef>

#include "frostline/core/device.hpp"

#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA
#define FROSTLINE_CUDA 1
// Objects of different systems have different names, so that one program may hold both.
#define FROSTLINE_THRUST_SYSTEM cuda
#else
#define FROSTLINE_CUDA 0
#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_OMP
#define FROSTLINE_THRUST_SYSTEM omp
#elif THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_TBB
#define FROSTLINE_THRUST_SYSTEM tbb
#else
#define FROSTLINE_THRUST_SYSTEM sequential
#endif
#endif
