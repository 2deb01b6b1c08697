// SPDX-License-Identifier: MIT
// Team: the threads that run a kernel together, and how they share its work.
#pragma once

#include <atomic>
#include <cstddef>
#if __has_include(<sched.h>)
#include <sched.h>  // <thread> takes half a second to compile
#else
#include <thread>
#endif

namespace frostline::detail {

/// Lets a team's threads wait for each other. A thread spins for a short time, then yields its
/// processor, so that waiting does not slow a busy machine.
class Barrier {
 public:
  [[gnu::noinline]] void wait(int threads) {
    const unsigned phase = phase_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
      arrived_.store(0, std::memory_order_relaxed);
      phase_.store(phase + 1, std::memory_order_release);
      return;
    }
    for (int spins = 0; phase_.load(std::memory_order_acquire) == phase;)
      if (spins < patience)
        relax(), ++spins;
      else
        give_way();
  }

 private:
  static constexpr int patience = 5000;
  static void give_way() {
#if __has_include(<sched.h>)
    sched_yield();
#else
    std::this_thread::yield();
#endif
  }
  static void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<unsigned> phase_{0};
};

}  // namespace frostline::detail

namespace frostline {

/// One thread's view of the team it belongs to. A team of one needs no barrier.
struct Team {
  int thread = 0;
  int threads = 1;
  detail::Barrier* barrier = nullptr;

  /// Returns when every thread of the team has called it.
  void sync() const {
    if (threads > 1) barrier->wait(threads);
  }
  /// This thread's part of [0, count): the same every time.
  constexpr std::ptrdiff_t first(std::ptrdiff_t count) const { return count * thread / threads; }
  constexpr std::ptrdiff_t last(std::ptrdiff_t count) const {
    return count * (thread + 1) / threads;
  }
};

/// Calls body(i) for each i of this thread's part of [0, count).
template <class Body>
void for_each_task(const Team& team, std::ptrdiff_t count, Body body) {
  for (std::ptrdiff_t i = team.first(count), end = team.last(count); i < end; ++i) body(int(i));
}

}  // namespace frostline
