// SPDX-License-Identifier: MIT
// run_team: runs many kernels in one parallel region of OpenMP.
#pragma once

#include <omp.h>

#include "frostline/core/team.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// Calls body(team) in parallel on as many threads as OpenMP grants, at most this many.
template <class Body>
void run_team(int threads, Body body) {
  if (threads <= 1) {
    body(Team{});
    return;
  }
  Barrier barrier;
#pragma omp parallel num_threads(threads)
  body(Team{omp_get_thread_num(), omp_get_num_threads(), &barrier});
}

/// Calls body(first, last) with this thread's part of [0, count).
template <class Body>
void for_each_part(const Team& team, std::ptrdiff_t count, Body body) {
  body(team.first(count), team.last(count));
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
