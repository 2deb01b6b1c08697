// SPDX-License-Identifier: MIT
// How the CPU backend shares work among OpenMP's threads: in equal parts, the same every time.
#pragma once

#include <omp.h>

#include <cstddef>

namespace frostline {

/// Calls body(first, last) once a thread, with a part of [0, count) each. It allocates nothing,
/// which `omp for` does not promise: LLVM's runtime allocates for it.
template <class Body>
void for_each_part(int threads, std::ptrdiff_t count, Body body) {
#pragma omp parallel num_threads(threads) if (count > 1)
  {
    const std::ptrdiff_t team = omp_get_num_threads(), self = omp_get_thread_num();
    body(count * self / team, count * (self + 1) / team);
  }
}

/// Calls body(i) for each i of [0, count), shared among the threads.
template <class Body>
void for_each_task(int threads, std::ptrdiff_t count, Body body) {
  for_each_part(threads, count, [&](std::ptrdiff_t first, std::ptrdiff_t last) {
    for (std::ptrdiff_t i = first; i < last; ++i) body(int(i));
  });
}

}  // namespace frostline
