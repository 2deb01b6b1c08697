// SPDX-License-Identifier: MIT
// sum_rows: two sums over each row of a matrix, whose items may be computed when read.
#pragma once

#include "frostline/backend/thrust/memory.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

struct Sums {
  double first = 0, second = 0;
};

#if FROSTLINE_CUDA
inline constexpr int sum_threads = 256;

/// One block per row. Neighbouring threads read neighbouring items.
template <class Item, class Finish>
__global__ void sum_rows_kernel(std::ptrdiff_t count, Item item, Finish finish) {
  __shared__ double first[sum_threads], second[sum_threads];
  const int me = int(threadIdx.x);
  const auto row = std::ptrdiff_t(blockIdx.x);
  Sums mine;
  for (std::ptrdiff_t i = me; i < count; i += sum_threads) {
    const Sums one = item(row, i);
    mine.first += one.first;
    mine.second += one.second;
  }
  first[me] = mine.first;
  second[me] = mine.second;
  for (int half = sum_threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (me >= half) continue;
    first[me] += first[me + half];
    second[me] += second[me + half];
  }
  if (me == 0) finish(row, Sums{first[0], second[0]});
}
#else
/// Computes the same as the kernel, one row per thread of the host.
template <class Item, class Finish>
struct SumRow {
  std::ptrdiff_t count;
  Item item;
  Finish finish;
  void operator()(std::ptrdiff_t row) const {
    Sums sums;
    for (std::ptrdiff_t i = 0; i < count; ++i) {
      const Sums one = item(row, i);
      sums.first += one.first;
      sums.second += one.second;
    }
    finish(row, sums);
  }
};
#endif

/// Calls finish(row, sums of item(row, i) over i of [0, count)) for each row.
template <class Item, class Finish>
void sum_rows(const void* context, std::ptrdiff_t rows, std::ptrdiff_t count, const Item& item,
              const Finish& finish) {
#if FROSTLINE_CUDA
  sum_rows_kernel<<<unsigned(rows), sum_threads, 0, context_of(context).stream()>>>(count, item,
                                                                                    finish);
#else
  for_each_index(context, rows, SumRow<Item, Finish>{count, item, finish});
#endif
}

/// Assigns a row's first sum, or adds it.
struct PutSum {
  float* to;
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t row, const Sums& sums) const {
    put(to[row], float(sums.first), adds);
  }
};

/// Assigns the gradients of a norm's parameters, or adds to them: the sums of the output's
/// gradient, and of its product with the normalised input.
struct PutSlopes {
  float *weight, *bias;  // gradients; null: not computed
  bool adds;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t k, const Sums& sums) const {
    if (weight) put(weight[k], float(sums.second), adds);
    if (bias) put(bias[k], float(sums.first), adds);
  }
};

/// A channel's values over a batch, as items of its row.
struct OverBatch {
  std::ptrdiff_t channels, pixels;
  FROSTLINE_DEVICE std::ptrdiff_t operator()(std::ptrdiff_t channel, std::ptrdiff_t i) const {
    return (i / pixels * channels + channel) * pixels + i % pixels;
  }
};
struct ChannelSum {
  OverBatch at;
  const float* values;
  FROSTLINE_DEVICE Sums operator()(std::ptrdiff_t channel, std::ptrdiff_t i) const {
    return {double(values[at(channel, i)]), 0};
  }
};
/// The gradient of a bias: assigned, or added. Shapes: values (batch, channels, pixels).
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void bias_gradient(const AnyCall& call, Shape out, float* bias) {
  const OverBatch at{out.channels, std::ptrdiff_t(out.pixels())};
  sum_rows(call.context, out.channels, call.batch * at.pixels, ChannelSum{at, call.output_gradient},
           PutSum{bias, call.accumulate});
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device
