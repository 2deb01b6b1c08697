// SPDX-License-Identifier: MIT
// Measures the machine's peaks: float32 multiply-adds and bytes read from memory, per second.
// Usage: machine THREADS
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int lanes = 16;
#elif defined(__AVX__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif
typedef float Vector __attribute__((vector_size(lanes * sizeof(float))));

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The shortest time of several runs of body on all threads.
template <class Body>
double best(int threads, Body body) {
  double shortest = 1e9;
  for (int run = 0; run < 7; ++run) {
    double begin = 0, end = 0;
#pragma omp parallel num_threads(threads)
    {
#pragma omp barrier
#pragma omp master
      begin = seconds();
      body(omp_get_thread_num());
#pragma omp barrier
#pragma omp master
      end = seconds();
    }
    shortest = std::min(shortest, end - begin);
  }
  return shortest;
}

/// Units: GFLOP/s; a multiply-add counts as two.
double multiply_adds(int threads) {
  constexpr int chains = 12, rounds = 1 << 21;
  std::vector<float> sums(std::size_t(threads) * 16);
  const double time = best(threads, [&](int thread) {
    Vector sum[chains]{}, a{}, b{};
    for (int lane = 0; lane < lanes; ++lane) a[lane] = 1e-9f * float(lane), b[lane] = 0.5f;
    for (int i = 0; i < chains; ++i) sum[i] = a * float(i);  // different, so that none are merged
    for (int round = 0; round < rounds; ++round)
#pragma GCC unroll 12
      for (int i = 0; i < chains; ++i) sum[i] = sum[i] * b + a;
    for (int i = 1; i < chains; ++i) sum[0] += sum[i];
    sums[std::size_t(thread) * 16] = sum[0][0];
  });
  return 2.0 * lanes * chains * rounds * threads / time / 1e9;
}

/// Sums far more memory than fits in the caches. Units: GB/s.
double reads(int threads) {
  constexpr std::size_t floats = std::size_t(1) << 27;
  std::vector<float> data(floats, 1.0f);
  std::vector<float> sums(std::size_t(threads) * 16);
  const double time = best(threads, [&](int thread) {
    const float* from = data.data() + floats / std::size_t(threads) * std::size_t(thread);
    Vector sum[8]{};
    for (std::size_t i = 0; i < floats / std::size_t(threads); i += 8 * lanes)
      for (int k = 0; k < 8; ++k) {
        Vector value;
        std::memcpy(&value, from + i + std::size_t(k) * lanes, sizeof value);
        sum[k] += value;
      }
    for (int k = 1; k < 8; ++k) sum[0] += sum[k];
    sums[std::size_t(thread) * 16] = sum[0][0];
  });
  return double(floats) * sizeof(float) / time / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  if (threads < 1) return 2;
  std::printf("{\"threads\": %d, \"gflops\": %.1f, \"gbytes\": %.1f}\n", threads,
              multiply_adds(threads), reads(threads));
}
