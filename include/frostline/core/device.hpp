// SPDX-License-Identifier: MIT
// FROSTLINE_DEVICE: marks functions that run in a device's kernels and on the host.
#pragma once

#ifdef __CUDACC__
#define FROSTLINE_DEVICE __host__ __device__
#else
#define FROSTLINE_DEVICE
#endif
