// SPDX-License-Identifier: MIT
// NotFinite: finds the layer from which numbers that are not finite come.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "frostline/network/executor.hpp"

namespace frostline::detail {

/// Looks for the first layer whose output is not finite, after a forward with training that gave a
/// loss or logits that are not finite.
template <class Backend>
class NotFinite {
  using Images = typename Executor<Backend>::Images;

 public:
  explicit NotFinite(Executor<Backend>& network) : network_(network) {}

  /// Names the first layer whose output in the last forward is not finite, and says what may help.
  /// Runs the layers again, which updates buffers again, and then calls `restore`, which gives the
  /// buffers their values before the step.
  template <class Restore>
  std::string explain(Restore restore) {
    network_.kept_ = 0;
    const bool from_images = network_.first_ == 0;
    const std::size_t sample = (from_images ? node(0).out : network_.feature_shape()).size();
    for (std::size_t n = 0; n < std::size_t(network_.batch_); ++n)
      if (from_images ? !is_finite(network_.images_ + n * sample, sample)
                      : !is_finite_in_host(network_.features_ + n * sample, sample))
        return format_text("sample {} of the given batch is not finite: correct or skip it", n);
    const int step = first_step();
    restore();
    constexpr std::string_view advice = "a lower learning rate may help";
    if (step == program().loss)
      return format_text("the outputs of all layers are finite; {}", advice);
    const int i = program().steps[std::size_t(step)].node;
    std::string text = format_text("the first layer whose output is not finite is '{}'",
                                   std::string_view(node(i).path));
    if (node(i).output != i)
      text += format_text(" (computed together with the layers up to '{}')",
                          std::string_view(node(node(i).output).path));
    std::string spoilt = tensors_of_node(i);
    if (node(i).batch_norm != no_node) spoilt += tensors_of_node(node(i).batch_norm);
    return spoilt.empty()
               ? format_text("{}; {}", text, advice)
               : format_text("{}{} and was not before this step: load the weights again; {}", text,
                             spoilt, advice);
  }

 private:
  const Program& program() const { return network_.program(); }
  const Node& node(int i) const { return network_.node(i); }

  static bool is_finite_in_host(const float* numbers, std::size_t count) {
    return std::all_of(numbers, numbers + count, [](float x) { return std::isfinite(x); });
  }
  bool is_finite(const float* numbers, std::size_t count) const {
    if constexpr (Backend::in_host_memory) {
      return is_finite_in_host(numbers, count);
    } else {
      std::vector<float> copy(count);
      Backend::copy_out(network_.context(), copy.data(), numbers, count * sizeof(float));
      return is_finite_in_host(copy.data(), count);
    }
  }
  /// The first step of the forward whose output is not finite, or else the loss's step.
  int first_step() {
    int first = program().loss;
    if constexpr (!Backend::in_host_memory)
      if (network_.first_ > 0) network_.copy_features_in();
    const auto run = [&](int s, const Images& images) {
      if (s == network_.first_ && s > 0) network_.load_features(images);
      network_.run_steps(s, s + 1, images);
      const int output = node(program().steps[std::size_t(s)].node).output;
      if (node(output).kind == Kind::concat) return true;  // copies, of which the first are not all
      if (!is_finite(network_.value(output, images),
                     std::size_t(images.count) * program().floats_of(output, network_.classes())))
        first = s;
      return first != s;
    };
    const int middle = std::max(program().per_image_steps, network_.first_);
    for (int n = 0; n < network_.batch_; ++n)  // each image overwrites the values of the last one
      for (int s = network_.first_; s < middle && s < first && run(s, {n, 1, true});) ++s;
    for (int s = middle; s < first && run(s, {0, network_.batch_, true});) ++s;
    return first;
  }
  /// The parameters and buffers of a node that are not finite, each after "; ".
  std::string tensors_of_node(int i) const {
    std::string text;
    const auto look = [&](const TensorSpecs& specs, auto place) {
      for (int k = 0; k < specs.count; ++k)
        if (specs[k].type == ElementType::f32 && !is_finite(place(k), specs[k].size()))
          text +=
              format_text("; '{}.{}' is not finite", std::string_view(node(i).path), specs[k].name);
    };
    look(program().parameters_of(i, network_.classes()),
         [&](int k) { return network_.store().parameter(i, k); });
    look(program().declared_by(i).buffers, [&](int k) { return network_.store().buffer(i, k); });
    return text;
  }

  Executor<Backend>& network_;
};

}  // namespace frostline::detail
