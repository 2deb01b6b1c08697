// SPDX-License-Identifier: MIT
// ClipNorm on the CPU.
#pragma once

#include <algorithm>

#include "frostline/backend/cpu/update.hpp"
#include "frostline/optimizers/clip_norm.hpp"

namespace frostline {

template <>
struct Kernel<cpu, ClipNorm> {
  /// The norm, and a sum of squares for each block, so that the sum does not depend on threads.
  static constexpr std::size_t workspace_bytes(std::size_t floats) {
    return (1 + (floats + block - 1) / block) * sizeof(double);
  }
  static void prepare(const ClipNorm&, const GradientCall<cpu>&) {}
  static void apply(const ClipNorm& clip, const GradientCall<cpu>& call) {
    const std::span<float> all = call.gradients;
    const std::size_t blocks = (all.size() + block - 1) / block;
    double* const sums = numbers(call) + 1;
    detail::run_team(call.threads, [&](const Team& team) {
      for_each_task(team, std::ptrdiff_t(blocks), [&](int b) {
        const std::size_t first = std::size_t(b) * block;
        sums[b] = sum_of_squares(all.data() + first, std::min(block, all.size() - first));
      });
    });
    double sum = 0;
    for (std::size_t b = 0; b < blocks; ++b) sum += sums[b];
    const double norm = std::sqrt(sum);
    *numbers(call) = norm + (call.guard ? 0 * *call.guard : 0.0);
    if (const float factor = clip.factor(norm); factor < 1 && std::isfinite(float(norm)))
      UpdateKernel<cpu>::scale(call.context, call.threads, all, factor);
  }
  static const double* guard_place(const GradientCall<cpu>& call) { return numbers(call); }

 private:
  static constexpr std::size_t block = std::size_t(1) << 14;
  static double* numbers(const GradientCall<cpu>& call) {
    return reinterpret_cast<double*>(call.workspace);
  }
  static double sum_of_squares(const float* x, std::size_t count) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::size_t i = 0; i < count; ++i) sum += double(x[i]) * double(x[i]);
    return sum;
  }
};

}  // namespace frostline
