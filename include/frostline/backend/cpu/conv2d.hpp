// SPDX-License-Identifier: MIT
// Conv2d on the CPU: the kernel, which runs the first of its algorithms that fits.
#pragma once

#include <cmath>

#include "frostline/backend/cpu/bias_gradient.hpp"
#include "frostline/backend/cpu/conv2d_algorithms.hpp"
#include "frostline/layers/conv2d.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// Computes the shift and the scale of each channel from bias and folded batch norm, padded with
/// zeros to whole blocks of channels.
FROSTLINE_COMPILED_ONCE void pack_shift_and_scale(const Call& call, int channels, int padded,
                                                  bool has_bias, bool batch_norm) {
  for_each_task(call.team, padded, [&](int k) {
    float &shift = call.packed[k], &scale = call.packed[padded + k];
    shift = scale = 0;
    if (k >= channels) return;
    const double bias = has_bias ? double(call.parameters[1][k]) : 0.0;
    shift = float(bias);
    scale = 1;
    if (!batch_norm) return;
    const double factor =
        double(call.batch_norm_parameters[0][k]) /
        std::sqrt(double(call.batch_norm_buffers[1][k]) + double(call.batch_norm_epsilon));
    scale = float(factor);
    shift = float(double(call.batch_norm_parameters[1][k]) +
                  (bias - double(call.batch_norm_buffers[0][k])) * factor);
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <int In, int Out, int Size, int Stride, int Padding, int Dilation, int Groups, bool Bias>
struct Kernel<cpu, Conv2d<In, Out, Size, Stride, Padding, Dilation, Groups, Bias>> {
  static constexpr detail::ConvolutionSizes sizes{In, Out, Size, Stride, Padding, Dilation, Groups};
  using Algorithms = detail::ConvolutionAlgorithms<sizes>;

  static constexpr Choice choose(const Situation& place) {
    Choice choice = detail::first_that_fits(place, Algorithms{});
    choice.absorbs = true;
    return choice;
  }
  template <class At>
  using Chosen = typename detail::TypeAt<std::size_t(At::algorithm), Algorithms>::type;
  template <class At>  // without its pooling, the stem's is direct
  using Algorithm =
      std::conditional_t<std::is_same_v<Chosen<At>, detail::StemAlgorithm<sizes>> && !At::pooled,
                         detail::PlanesAlgorithm<sizes>, Chosen<At>>;
  static constexpr int padded = detail::divide_up(Out, detail::lanes) * detail::lanes;

  template <class At>
  static constexpr std::size_t scratch_bytes(Pass pass) {
    if (pass == Pass::parameter_gradient && !At::trains(0)) return 0;
    return Algorithm<At>::template scratch_floats<At>(pass) * sizeof(float);
  }
  template <class At>
  static constexpr std::size_t shared_scratch_bytes(Pass pass) {
    if (pass == Pass::parameter_gradient && !At::trains(0)) return 0;
    return std::size_t(Algorithm<At>::template shared_scratch_floats<At>(pass)) * sizeof(float);
  }

  /// For forward: shifts, scales, and weights in the algorithm's order.
  template <class At>
  static constexpr std::size_t packed_floats(Pass pass) {
    if (pass == Pass::parameter_gradient) return 0;
    return std::size_t(pass == Pass::input_gradient
                           ? Algorithm<At>::template packed_backward_floats<At>()
                           : 2 * padded + Algorithm<At>::template packed_floats<At>());
  }
  template <class At>
  static constexpr bool reads_only_packed = Algorithm<At>::reads_only_packed;
  template <class At, Pass pass>
  static void pack(const Call& call) {
    const bool weights = At::trains(0) || call.frozen_changed;
    if constexpr (pass == Pass::input_gradient) {
      if (weights) Algorithm<At>::template pack_backward<At>(call);
    } else {
      detail::pack_shift_and_scale(call, Out, padded, Bias, At::batch_norm);
      if (!weights) return;
      call.team.sync();
      detail::WeightView view = detail::WeightView::of(call.parameters[0], Out, In / Groups, Size);
      if (At::batch_norm) view.scale = call.packed + padded;
      Algorithm<At>::template pack<At>(call, view, call.packed + 2 * padded);
    }
  }

  template <class At>
  static void forward(const Call& call) {
    const float* added = At::added ? call.added : nullptr;
    Algorithm<At>::template forward<At>(call, call.packed + 2 * padded,
                                        {call.packed, added, At::rectifier});
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    Algorithm<At>::template input_gradient<At>(call);
  }
  /// Assigns the gradients of trainable parameters, or adds to them where the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    if constexpr (At::trains(0)) Algorithm<At>::template weight_gradient<At>(call);
    float* bias = call.parameter_gradients[1];
    if constexpr (Bias && At::trains(1) && At::blocked_output)
      detail::bias_gradient(call.team, detail::BlockedMap{At::out}, call.batch,
                            call.output_gradient, call.accumulate, bias);
    else if constexpr (Bias && At::trains(1))
      detail::plain_bias_gradient(call, At::out, bias);
  }
};

}  // namespace frostline
