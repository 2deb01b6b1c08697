// SPDX-License-Identifier: MIT
// ClipNorm with Thrust: sums of squares over blocks, then the sum over blocks.
#pragma once

#include <cmath>

#include "frostline/backend/thrust/reduce.hpp"
#include "frostline/backend/thrust/update.hpp"
#include "frostline/optimizers/clip_norm.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// The settings, read from the device's memory: a recorded step would keep its first arguments.
struct ClipNumbers {
  double norm;  // also the guard
  ClipNorm settings;
  float factor;
};
struct SquareItem {
  const float* gradients;
  std::ptrdiff_t count, block;
  FROSTLINE_DEVICE Sums operator()(std::ptrdiff_t row, std::ptrdiff_t i) const {
    const std::ptrdiff_t at = row * block + i;
    const double gradient = at < count ? double(gradients[at]) : 0.0;
    return {gradient * gradient, 0};
  }
};
struct PutSquares {
  Sums* to;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t row, const Sums& sums) const { to[row] = sums; }
};
struct SquaresItem {
  const Sums* squares;
  FROSTLINE_DEVICE Sums operator()(std::ptrdiff_t, std::ptrdiff_t i) const { return squares[i]; }
};
struct PutNorm {
  ClipNumbers* to;
  const double* guard;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t, const Sums& sums) const {
    const double norm = std::sqrt(sums.first);
    to->norm = norm + (guard ? 0 * *guard : 0.0);
    to->factor = float(norm) - float(norm) == 0 ? to->settings.factor(norm) : 1.0f;
  }
};

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

template <>
struct Kernel<thrust_backend, ClipNorm> {
  static constexpr std::size_t workspace_bytes(std::size_t floats) {
    return sizeof(detail::device::ClipNumbers) +
           (floats + block - 1) / block * sizeof(detail::device::Sums);
  }
  static void prepare(const ClipNorm& clip, const GradientCall<thrust_backend>& call) {
    thrust_backend::copy_in(detail::device::context_of(call.context), &numbers(call)->settings,
                            &clip, sizeof clip);
  }
  static void apply(const ClipNorm&, const GradientCall<thrust_backend>& call) {
    const auto count = std::ptrdiff_t(call.gradients.size());
    const std::ptrdiff_t blocks = (count + block - 1) / block;
    detail::device::ClipNumbers* const to = numbers(call);
    auto* const squares = reinterpret_cast<detail::device::Sums*>(to + 1);
    detail::device::sum_rows(call.context, blocks, block,
                             detail::device::SquareItem{call.gradients.data(), count, block},
                             detail::device::PutSquares{squares});
    detail::device::sum_rows(call.context, 1, blocks, detail::device::SquaresItem{squares},
                             detail::device::PutNorm{to, call.guard});
    detail::device::for_each_index(call.context, count,
                                   detail::device::ScaleOne{call.gradients.data(), &to->factor});
  }
  static const double* guard_place(const GradientCall<thrust_backend>& call) {
    return &numbers(call)->norm;
  }

 private:
  static constexpr std::ptrdiff_t block = std::ptrdiff_t(1) << 14;
  static detail::device::ClipNumbers* numbers(const GradientCall<thrust_backend>& call) {
    return reinterpret_cast<detail::device::ClipNumbers*>(call.workspace);
  }
};

}  // namespace frostline
