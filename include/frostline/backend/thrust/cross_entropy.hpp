// SPDX-License-Identifier: MIT
// CrossEntropy with Thrust: a thread a position, then sums over images.
#pragma once

#include <algorithm>
#include <cmath>

#include "frostline/backend/thrust/reduce.hpp"
#include "frostline/train/cross_entropy.hpp"

namespace frostline::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// The loss of each position, and its logits' gradient.
struct PositionLoss {
  int classes;
  std::ptrdiff_t pixels;
  float smoothing, share;
  int ignored;
  const float* logits;
  const int* labels;
  float* gradient;  // null: not wanted
  double* losses;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const std::ptrdiff_t at = i / pixels * classes * pixels + i % pixels;
    const float* z = logits + at;
    const int label = labels[i];
    losses[i] = 0;
    if (label == ignored) {
      for (int c = 0; gradient && c < classes; ++c) gradient[at + c * pixels] = 0;
      return;
    }
    float most = z[0];
    for (int c = 1; c < classes; ++c) most = z[c * pixels] > most ? z[c * pixels] : most;
    double exponents = 0, sum = 0;
    for (int c = 0; c < classes; ++c) {
      exponents += exp(double(z[c * pixels] - most));
      sum += double(z[c * pixels] - most);
    }
    const double smooth = double(smoothing) / classes, hard = 1 - double(smoothing);
    for (int c = 0; gradient && c < classes; ++c) {
      const double softmax = exp(double(z[c * pixels] - most)) / exponents;
      gradient[at + c * pixels] =
          float((softmax - smooth - (c == label ? hard : 0.0)) * double(share));
    }
    losses[i] = log(exponents) - hard * double(z[label * pixels] - most) - smooth * sum;
  }
};
struct LossItem {
  const double* losses;
  std::ptrdiff_t count;
  FROSTLINE_DEVICE Sums operator()(std::ptrdiff_t row, std::ptrdiff_t i) const {
    return {losses[row * count + i], 0};
  }
};
struct PutLoss {
  double* to;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t row, const Sums& sums) const {
    to[row] = sums.first;
  }
};

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::device

namespace frostline {

template <>
struct Kernel<thrust_backend, CrossEntropy> {
  /// Losses of positions and of images, their sum, and labels.
  static constexpr std::size_t workspace_bytes(Shape shape, int max_batch) {
    const std::size_t batch = std::size_t(max_batch), positions = batch * shape.pixels();
    return (positions + batch + 1) * sizeof(double) + positions * sizeof(int);
  }
  /// The mean loss of a batch; assigns the logits' gradient unless it is empty.
  static float loss(const CrossEntropy& loss, const LossCall& call) {
    const auto pixels = std::ptrdiff_t(call.shape.pixels());
    const auto positions = std::ptrdiff_t(call.labels.size()), batch = positions / pixels;
    const auto counted =
        positions - std::count(call.labels.begin(), call.labels.end(), loss.ignore_index);
    const float share = counted ? 1 / float(counted) : 0.0f;
    double* losses = reinterpret_cast<double*>(call.workspace);
    double *image_losses = losses + positions, *total = image_losses + batch;
    int* labels = reinterpret_cast<int*>(total + 1);
    const auto& context = device::context_of(call.context);
    thrust_backend::copy_in(context, labels, call.labels.data(), call.labels.size_bytes());
    device::for_each_index(
        call.context, positions,
        device::PositionLoss{call.shape.channels, pixels, loss.label_smoothing, share,
                             loss.ignore_index, call.logits.data(), labels,
                             call.gradient.empty() ? nullptr : call.gradient.data(), losses});
    device::sum_rows(call.context, batch, pixels, device::LossItem{losses, pixels},
                     device::PutLoss{image_losses});
    device::sum_rows(call.context, 1, batch, device::LossItem{image_losses, batch},
                     device::PutLoss{total});
    double sum = 0;
    thrust_backend::copy_out(context, &sum, total, sizeof sum);
    return float(sum * double(share));
  }
};

}  // namespace frostline
