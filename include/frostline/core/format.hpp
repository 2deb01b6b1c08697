// SPDX-License-Identifier: MIT
// The fmt library, set up so that nvcc takes it as C++20 too.
#pragma once

// fmt 9 gives up constexpr under nvcc but keeps consteval, which then cannot call anything.
#if defined(__CUDACC__) && !defined(FMT_USE_CONSTEXPR)
#define FMT_USE_CONSTEXPR 1
#endif

#include <fmt/format.h>
