// SPDX-License-Identifier: MIT
// CrossEntropy with Thrust: one thread per position, then sums over images.
#pragma once

#include <algorithm>
#include <cmath>

#include "frostline/backend/thrust/reduce.hpp"
#include "frostline/losses/cross_entropy.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// The settings, read from the device's memory: a recorded step would keep its first arguments.
struct LossSettings {
  float smoothing, share;  // the share of one position in the mean
  double slope;            // and in the gradient
  int ignored;
};
/// The loss of each position, and its logits' gradient.
struct PositionLoss {
  const LossSettings* settings;
  int classes;
  std::ptrdiff_t pixels;
  const float* logits;
  const int* labels;
  float* gradient;  // null: not computed
  Sums* losses;     // also their guards: zero, or not a number
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const std::ptrdiff_t at = i / pixels * classes * pixels + i % pixels;
    const float* z = logits + at;
    const int label = labels[i];
    const auto [smoothing, share, slope, ignored] = *settings;
    losses[i] = {0, 0};
    float most = z[0];
    for (int c = 1; c < classes; ++c) most = z[c * pixels] > most ? z[c * pixels] : most;
    if (label == ignored) {  // as in PyTorch, zero times softmax, which may be not-a-number
      float softmax_is = 1;
      for (int c = 0; gradient && c < classes; ++c)
        if (const float below = z[c * pixels] - most; below != below) softmax_is = below;
      for (int c = 0; gradient && c < classes; ++c) gradient[at + c * pixels] = 0 * softmax_is;
      losses[i].second = double(0 * softmax_is);
      return;
    }
    double exponents = 0, sum = 0;
    for (int c = 0; c < classes; ++c) {
      exponents += std::exp(double(z[c * pixels] - most));
      sum += double(z[c * pixels] - most);
    }
    const double smooth = double(smoothing) / classes, hard = 1 - double(smoothing);
    for (int c = 0; gradient && c < classes; ++c) {
      const double softmax = std::exp(double(z[c * pixels] - most)) / exponents;
      gradient[at + c * pixels] = float((softmax - smooth - (c == label ? hard : 0.0)) * slope);
    }
    losses[i].first = std::log(exponents) - hard * double(z[label * pixels] - most);
    if (smooth != 0) losses[i].first -= smooth * sum;  // a logit may be -infinity
  }
};
struct LossItem {
  const Sums* losses;
  std::ptrdiff_t count;
  FROSTLINE_DEVICE Sums operator()(std::ptrdiff_t row, std::ptrdiff_t i) const {
    return losses[row * count + i];
  }
};
struct PutLoss {
  Sums* to;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t row, const Sums& sums) const { to[row] = sums; }
};
struct PutMeanLoss {
  const LossSettings* settings;
  const double* guard;  // of another output's loss; null: none
  Sums* to;             // the mean, and the guard
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t, const Sums& sums) const {
    const double mean = sums.first * double(settings->share);
    *to = {mean, mean + sums.second + (guard ? 0 * double(float(*guard)) : 0)};
  }
};

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

template <>
struct Kernel<thrust_backend, CrossEntropy> {
  /// Losses and guards of positions, of images and of the batch, settings, and labels.
  static constexpr std::size_t workspace_bytes(Shape shape, int max_batch) {
    const std::size_t batch = std::size_t(max_batch), positions = batch * shape.pixels();
    return (positions + batch + 1) * sizeof(detail::device::Sums) +
           sizeof(detail::device::LossSettings) + positions * sizeof(int);
  }
  static void prepare(const CrossEntropy& loss, const LossCall<thrust_backend>& call) {
    const Workspace to(call);
    const auto counted =
        to.positions - std::count(call.labels.begin(), call.labels.end(), loss.ignore_index);
    const float share = counted ? 1 / float(counted) : 0.0f;
    const detail::device::LossSettings settings{loss.label_smoothing, share,
                                                double(share) * call.weight, loss.ignore_index};
    const auto& context = detail::device::context_of(call.context);
    thrust_backend::copy_in(context, to.settings, &settings, sizeof settings);
    thrust_backend::copy_in(context, to.labels, call.labels.data(), call.labels.size_bytes());
  }
  /// Assigns the logits' gradient unless it is empty.
  static void compute(const CrossEntropy&, const LossCall<thrust_backend>& call) {
    const Workspace w(call);
    detail::device::for_each_index(
        call.context, w.positions,
        detail::device::PositionLoss{
            w.settings, call.shape.channels, w.pixels, call.logits.data(), w.labels,
            call.gradient.empty() ? nullptr : call.gradient.data(), w.losses});
    detail::device::sum_rows(call.context, w.batch, w.pixels,
                             detail::device::LossItem{w.losses, w.pixels},
                             detail::device::PutLoss{w.image_losses});
    detail::device::sum_rows(call.context, 1, w.batch,
                             detail::device::LossItem{w.image_losses, w.batch},
                             detail::device::PutMeanLoss{w.settings, call.guard, w.mean});
  }
  static const double* guard_place(const LossCall<thrust_backend>& call) {
    return &Workspace(call).mean->second;
  }
  static float mean(const LossCall<thrust_backend>& call) {
    double mean;
    thrust_backend::copy_out(detail::device::context_of(call.context), &mean,
                             &Workspace(call).mean->first, sizeof mean);
    return float(mean);
  }

 private:
  struct Workspace {
    explicit Workspace(const LossCall<thrust_backend>& call)
        : pixels(std::ptrdiff_t(call.shape.pixels())),
          positions(std::ptrdiff_t(call.labels.size())),
          batch(positions / pixels),
          losses(reinterpret_cast<detail::device::Sums*>(call.workspace)),
          image_losses(losses + positions),
          mean(image_losses + batch),
          settings(reinterpret_cast<detail::device::LossSettings*>(mean + 1)),
          labels(reinterpret_cast<int*>(settings + 1)) {}
    std::ptrdiff_t pixels, positions, batch;
    detail::device::Sums *losses, *image_losses, *mean;
    detail::device::LossSettings* settings;
    int* labels;
  };
};

}  // namespace frostline
