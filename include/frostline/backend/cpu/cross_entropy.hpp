// SPDX-License-Identifier: MIT
// CrossEntropy on the CPU.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "frostline/backend/cpu/memory.hpp"
#include "frostline/backend/cpu/parallel.hpp"
#include "frostline/losses/cross_entropy.hpp"

namespace frostline {

template <>
struct Kernel<cpu, CrossEntropy> {
  static constexpr std::size_t workspace_bytes(Shape, int max_batch) {
    // Workspace: the mean, the guard, then both for each image.
    return 2 * (1 + std::size_t(max_batch)) * sizeof(double);
  }
  static void prepare(const CrossEntropy&, const LossCall<cpu>&) {}
  static float mean(const LossCall<cpu>& call) { return float(*numbers(call)); }
  static const double* guard_place(const LossCall<cpu>& call) { return numbers(call) + 1; }
  /// Assigns the logits' gradient unless it is empty.
  static void compute(const CrossEntropy& loss, const LossCall<cpu>& call) {
    const Shape shape = call.shape;
    const std::span<const float> logits = call.logits;
    const std::span<const int> labels = call.labels;
    const std::span<float> gradient = call.gradient;
    double* images = numbers(call) + 2;  // the loss of each, and its guard
    const auto pixels = std::ptrdiff_t(shape.pixels());
    const int batch = int(labels.size() / shape.pixels());
    const auto counted =
        std::ptrdiff_t(labels.size()) - std::count(labels.begin(), labels.end(), loss.ignore_index);
    const float share = counted ? 1 / float(counted) : 0.0f;
    const double slope = double(share) * call.weight;
    detail::run_team(call.threads, [&](const Team& team) {
      for_each_task(team, batch, [&](int n) {
        double sum = 0, ignored = 0;
        for (std::ptrdiff_t p = 0; p < pixels; ++p) {
          const std::size_t at = std::size_t(n) * shape.size() + std::size_t(p);
          const int label = labels[std::size_t(n * pixels + p)];
          const Column column{logits.data() + at, shape.channels, pixels};
          float* to = gradient.empty() ? nullptr : gradient.data() + at;
          if (label != loss.ignore_index)
            sum += position(loss, column, label, to, slope);
          else if (to)
            ignored += double(ignore(column, to));
        }
        images[2 * n] = sum;
        images[2 * n + 1] = ignored;
      });
    });
    double total = 0, ignored = 0;
    for (int n = 0; n < batch; ++n) {
      total += images[2 * n];
      ignored += images[2 * n + 1];
    }
    numbers(call)[0] = total * double(share);
    numbers(call)[1] = numbers(call)[0] + ignored;
    if (call.guard) numbers(call)[1] += 0 * double(float(*call.guard));
  }

 private:
  static double* numbers(const LossCall<cpu>& call) {
    return reinterpret_cast<double*>(call.workspace);
  }
  struct Column {  // the logits of one position
    const float* data;
    int classes;
    std::ptrdiff_t stride;
    float operator[](int c) const { return data[c * stride]; }
  };
  static float largest(Column z) {
    float most = z[0];
    for (int c = 1; c < z.classes; ++c) most = std::max(most, z[c]);
    return most;
  }
  /// Zero times softmax, as in PyTorch: NaN if softmax is NaN. Returns that zero.
  static float ignore(Column z, float* gradient) {
    const float most = largest(z);
    float softmax_is = 1;
    for (int c = 0; c < z.classes; ++c)
      if (const float below = z[c] - most; below != below) softmax_is = below;
    for (int c = 0; c < z.classes; ++c) gradient[c * z.stride] = 0 * softmax_is;
    return 0 * softmax_is;
  }
  static double position(const CrossEntropy& loss, Column z, int label, float* gradient,
                         double slope) {
    const float most = largest(z);
    double exponents = 0, logits = 0;
    for (int c = 0; c < z.classes; ++c) {
      exponents += std::exp(double(z[c] - most));
      logits += double(z[c] - most);
    }
    const double smooth = double(loss.label_smoothing) / z.classes;
    const double hard = 1 - double(loss.label_smoothing);
    for (int c = 0; gradient && c < z.classes; ++c) {
      const double softmax = std::exp(double(z[c] - most)) / exponents;
      const double target = smooth + (c == label ? hard : 0.0);
      gradient[c * z.stride] = float((softmax - target) * slope);
    }
    const double of_label = std::log(exponents) - hard * double(z[label] - most);
    return smooth == 0 ? of_label : of_label - smooth * logits;  // a logit may be -infinity
  }
};

}  // namespace frostline
