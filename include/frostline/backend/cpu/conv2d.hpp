// SPDX-License-Identifier: MIT
// Conv2d on the CPU: the calls of each algorithm.
#pragma once

#include <cmath>

#include "frostline/backend/cpu/bias_gradient.hpp"
#include "frostline/backend/cpu/conv2d_choice.hpp"
#include "frostline/backend/cpu/conv2d_direct.hpp"
#include "frostline/backend/cpu/conv2d_im2col.hpp"
#include "frostline/backend/cpu/conv2d_planes.hpp"
#include "frostline/backend/cpu/conv2d_weights.hpp"
#include "frostline/backend/cpu/winograd.hpp"
#include "frostline/backend/cpu/winograd_gradient.hpp"
#include "frostline/backend/cpu/winograd_pack.hpp"
#include "frostline/backend/cpu/winograd_stem.hpp"
#include "frostline/layers/batch_norm2d.hpp"
#include "frostline/layers/conv2d.hpp"

namespace frostline {
inline namespace FROSTLINE_CPU {

/// The shift and the scale, whole blocks of channels, that bias and folded batch norm amount to.
FROSTLINE_SHARED void pack_shift_and_scale(const Call& call, int channels, int padded,
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
        std::sqrt(double(call.batch_norm_buffers[1][k]) + double(BatchNorm2d<1>::epsilon));
    scale = float(factor);
    shift = float(double(call.batch_norm_parameters[1][k]) +
                  (bias - double(call.batch_norm_buffers[0][k])) * factor);
  });
}

}  // namespace FROSTLINE_CPU

template <int In, int Out, int Size, int Stride, int Padding, int Dilation, int Groups, bool Bias>
struct Kernel<cpu, Conv2d<In, Out, Size, Stride, Padding, Dilation, Groups, Bias>> {
  using Algorithm = ConvolutionAlgorithm;
  static constexpr bool same = Padding == same_padding;
  static constexpr Pads pads(Shape in) {
    return Conv2d<In, Out, Size, Stride, Padding, Dilation, Groups, Bias>::pads(in);
  }

  static constexpr Choice choose(const Situation& place) {
    Choice choice = choose_algorithm(place);
    choice.absorbs = true;
    return choice;
  }
  static constexpr Choice choose_algorithm(const Situation& place) {
    const bool ordinary = Groups == 1 && Dilation == 1 && Stride <= 2 &&
                          place.tuning.convolutions != Convolutions::im2col;
    if (ordinary && place.first && In <= 4 && Size == 7 && Stride == 2 && Padding == 3 &&
        place.frozen && transforms(place))
      return {Layout::plain, Layout::blocked, int(Algorithm::stem), "direct, planes",
              "space to depth, Winograd F(4x4)"};
    if (ordinary && place.first && In <= 4 && Size <= 7)
      return {Layout::plain, Layout::blocked, int(Algorithm::planes), "direct, planes"};
    if (const int tile = Stride == 1 ? winograd_tile(place) : strided_winograd_tile(place);
        ordinary && Size == 3 && (Padding == 1 || same) && tile > 0)
      return {Layout::blocked, Layout::blocked, int(Algorithm::winograd) + tile,
              winograd_name(tile, has_many_weights(tile))};
    if (ordinary && ((Size == 1 && Padding == 0) || (Size == 3 && Padding == 1) ||
                     ((Size == 1 || Size == 3) && same)))
      return {Layout::blocked, Layout::blocked, int(Algorithm::direct), "direct"};
    return {Layout::plain, Layout::plain, int(Algorithm::im2col), "im2col"};
  }

  static constexpr int few_gradient_tiles = 16;
  static constexpr bool has_many_weights(int tile) {
    return tile > 2 && std::ptrdiff_t(In) * Out * (tile + 2) * (tile + 2) > many_weights;
  }

  template <class At>
  static constexpr Algorithm algorithm = [] {
    const auto chosen = Algorithm(std::min(At::algorithm, int(Algorithm::winograd)));
    return chosen == Algorithm::stem && !At::pooled ? Algorithm::planes : chosen;
  }();
  template <class At>  // the algorithms over blocked values, whose gradients may be direct
  static constexpr bool blocked =
      algorithm<At> == Algorithm::direct || algorithm<At> == Algorithm::winograd;
  template <class At>
  static constexpr int tile = At::algorithm - int(Algorithm::winograd);
  template <class At>
  static constexpr Convolution columns{
      At::in, At::out, Groups, {Size, Stride, pads(At::in).top, pads(At::in).left, Dilation}};
  template <class At>
  static constexpr PlaneConvolution planes{At::in, BlockedMap{At::out}, Size, Stride, pads(At::in)};
  template <class At>
  static constexpr StemShape stem = [] {
    const Shape pooled{Out, (At::out.height + 1) / 2, (At::out.width + 1) / 2};
    return StemShape{At::in, BlockedMap{pooled}};
  }();
  template <class At>
  static constexpr DirectConvolution direct{BlockedMap{At::in}, BlockedMap{At::out}, Size, Stride,
                                            pads(At::in).top,   pads(At::in).left};
  template <class At>
  static constexpr WinogradShape winograd{BlockedMap{At::in}, BlockedMap{At::out}, tile<At>, Stride,
                                          pads(At::in).top,   pads(At::in).left};
  template <class At>  // Gradients of stride 2 are direct.
  static constexpr bool winograd_gradients = algorithm<At> == Algorithm::winograd&& Stride == 1;
  template <class At>  // the convolution that gives the input's gradient
  static constexpr WinogradShape backward{BlockedMap{At::out}, BlockedMap{At::in}, tile<At>};
  template <class At>
  static constexpr WinogradGradientShape gradient{winograd<At>};
  template <class At>  // what forward may do instead for very few images
  static constexpr WinogradShape for_few{BlockedMap{At::in}, BlockedMap{At::out}, 2, Stride,
                                         pads(At::in).top,   pads(At::in).left};
  template <class At>
  static constexpr bool has_few = has_many_weights(tile<At>);
  // Weights with a folded batch norm are frozen, and packed once.
  template <class At>
  using PackedIn = std::conditional_t<At::batch_norm, double, float>;
  static bool few_images(const Call& call) { return call.max_batch <= 2; }
  static constexpr bool odd(int channels) { return divide_up(channels, lanes) % 2 == 1; }
  static constexpr int padded = divide_up(Out, lanes) * lanes;

  template <class At>
  static constexpr std::size_t scratch_bytes(Pass pass) {
    if (pass == Pass::parameter_gradient && !At::trains(0)) return 0;
    std::size_t floats = 0;
    if constexpr (algorithm<At> == Algorithm::im2col)
      floats = columns<At>.scratch_floats(pass);
    else if constexpr (algorithm<At> == Algorithm::planes)
      floats = pass == Pass::forward ? std::size_t(planes<At>.band_floats())
                                     : planes_gradient_floats(planes<At>);
    else if constexpr (algorithm<At> == Algorithm::stem)
      floats = std::size_t(stem<At>.thread_scratch_floats());
    else if (pass == Pass::parameter_gradient)
      floats = DirectWeightGradient::scratch_floats(Size);
    else if constexpr (algorithm<At> == Algorithm::winograd) {
      if (pass == Pass::input_gradient && winograd_gradients<At>)
        floats = std::size_t(backward<At>.thread_scratch_floats());
      if (pass == Pass::forward) floats = std::size_t(winograd<At>.thread_scratch_floats());
      if (pass == Pass::forward && has_few<At>)
        floats = std::max(floats, std::size_t(for_few<At>.thread_scratch_floats()));
    }
    return floats * sizeof(float);
  }
  template <class At>
  static constexpr std::size_t shared_scratch_bytes(Pass pass) {
    if (pass == Pass::parameter_gradient && !At::trains(0)) return 0;
    std::ptrdiff_t floats = 0;
    if constexpr (algorithm<At> == Algorithm::winograd) {
      if (pass == Pass::input_gradient && winograd_gradients<At>)
        floats = backward<At>.shared_scratch_floats();
      if (pass == Pass::parameter_gradient && winograd_gradients<At>)
        floats = gradient<At>.scratch_floats();
      if (pass == Pass::forward) floats = winograd<At>.shared_scratch_floats();
      if (pass == Pass::forward && has_few<At>)
        floats = std::max(floats, for_few<At>.shared_scratch_floats());
    }
    return std::size_t(floats) * sizeof(float);
  }

  /// Forward: shifts, scales, and weights as the algorithm reads them.
  template <class At>
  static constexpr std::size_t packed_floats(Pass pass) {
    if (pass == Pass::parameter_gradient) return 0;
    if (pass == Pass::input_gradient) {
      if constexpr (winograd_gradients<At>) return std::size_t(backward<At>.packed_floats());
      if constexpr (blocked<At>) return std::size_t(direct<At>.backward_floats());
      return 0;
    }
    std::ptrdiff_t floats = 2 * padded;
    if constexpr (algorithm<At> == Algorithm::planes)
      floats += planes<At>.forward().packed_floats(1);
    if constexpr (algorithm<At> == Algorithm::stem) floats += stem<At>.packed_floats();
    if constexpr (algorithm<At> == Algorithm::direct)
      floats += direct<At>.forward().packed_floats(lanes);
    if constexpr (algorithm<At> == Algorithm::winograd) floats += winograd<At>.packed_floats();
    return std::size_t(floats);
  }
  template <class At>
  static constexpr bool reads_packed_alone = algorithm<At> != Algorithm::im2col;
  template <class At, Pass pass>
  static void pack(const Call& call) {
    const bool weights = At::trains(0) || call.frozen_changed;
    if constexpr (pass == Pass::input_gradient) {
      if (!weights) return;
      if constexpr (winograd_gradients<At>)
        winograd_pack<tile<At>, 1, float>(call.team, backward<At>,
                                          WeightView::backward(call.parameters[0], Out, In, Size),
                                          call.packed);
      else
        direct_pack_backward(call.team, direct<At>,
                             WeightView::transposed(call.parameters[0], Out, In, Size),
                             call.packed);
    } else {
      pack_shift_and_scale(call, Out, padded, Bias, At::batch_norm);
      if (!weights) return;
      call.team.sync();
      WeightView view = WeightView::of(call.parameters[0], Out, In, Size);
      if (At::batch_norm) view.scale = call.packed + padded;
      float* to = call.packed + 2 * padded;
      if constexpr (algorithm<At> == Algorithm::planes)
        pack_taps(call.team, planes<At>.forward(), 1, view, to);
      if constexpr (algorithm<At> == Algorithm::stem) stem_pack(call.team, stem<At>, view, to);
      if constexpr (algorithm<At> == Algorithm::direct)
        pack_taps(call.team, direct<At>.forward(), lanes, view, to);
      if constexpr (algorithm<At> == Algorithm::winograd) {
        if constexpr (has_few<At>)
          if (few_images(call))
            return winograd_pack<2, Stride, PackedIn<At>>(call.team, for_few<At>, view, to);
        winograd_pack<tile<At>, Stride, PackedIn<At>>(call.team, winograd<At>, view, to);
      }
    }
  }

  template <class At>
  static void forward(const Call& call) {
    const float *shift = call.packed, *weights = call.packed + 2 * padded;
    const float* added = At::added ? call.added : nullptr;
    const Epilogue epilogue{shift, added, At::relu};
    if constexpr (algorithm<At> == Algorithm::planes)
      planes_forward(call.team, planes<At>, tap_tiles<At::out.width, Stride, 1, odd(Out)>(),
                     call.batch, call.inputs[0], weights, epilogue, call.thread_scratch(),
                     call.output);
    else if constexpr (algorithm<At> == Algorithm::stem) {
      zero_borders(call.team, stem<At>.out, call.output, call.batch);
      stem_forward(call.team, stem<At>, call.batch, call.inputs[0], weights, shift, call.output,
                   call.thread_scratch());
    } else if constexpr (algorithm<At> == Algorithm::direct)
      direct_forward(call.team, direct<At>,
                     tap_tiles<At::out.width, Stride * lanes, lanes, odd(Out)>(), call.batch,
                     call.inputs[0], weights, epilogue, call.output);
    else if constexpr (algorithm<At> == Algorithm::winograd) {
      zero_borders(call.team, BlockedMap{At::out}, call.output, call.batch);
      const auto run = [&](auto outputs, const WinogradShape& shape) {
        winograd_forward<outputs, Stride>(call.team, shape, call.batch, call.inputs[0], weights,
                                          epilogue, call.output, call.shared_scratch(),
                                          call.thread_scratch());
      };
      if constexpr (has_few<At>)
        if (few_images(call)) return run(std::integral_constant<int, 2>{}, for_few<At>);
      run(std::integral_constant<int, tile<At>>{}, winograd<At>);
    } else
      im2col_forward(columns<At>, call, {shift + padded, shift, added, At::relu});
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    static_assert(algorithm<At> != Algorithm::planes);  // nothing wants the network's input's
    if constexpr (blocked<At> && !winograd_gradients<At>) {
      // Of stride 1, and of one column, there are no others.
      constexpr int even = divide_up(At::in.width, Stride), rest = At::in.width - even;
      constexpr int uneven = rest > 0 ? rest : even;
      constexpr TapTiles tiles[] = {tap_tiles<even, lanes, lanes, odd(In)>(),
                                    tap_tiles<uneven, lanes, lanes, odd(In)>()};
      direct_input_gradient(call.team, direct<At>, tiles, call.batch, call.output_gradient,
                            call.packed, At::adds(0), call.input_gradients[0]);
    } else if constexpr (winograd_gradients<At>) {
      float* gradient = call.input_gradients[0];
      if constexpr (!At::adds(0)) zero_borders(call.team, BlockedMap{At::in}, gradient, call.batch);
      winograd_forward<tile<At>>(call.team, backward<At>, call.batch, call.output_gradient,
                                 call.packed, {.added = At::adds(0) ? gradient : nullptr}, gradient,
                                 call.shared_scratch(), call.thread_scratch());
    } else
      im2col_input_gradient(columns<At>, call, At::adds(0));
  }
  /// Assigns the gradients of the parameters that train, or adds to them where the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    if constexpr (At::trains(0)) weight_gradient<At>(call);
    float* bias = call.parameter_gradients[1];
    if constexpr (Bias && At::trains(1) && algorithm<At> == Algorithm::im2col)
      plain_bias_gradient(call, At::out, bias);
    else if constexpr (Bias && At::trains(1))
      bias_gradient(call.team, BlockedMap{At::out}, call.batch, call.output_gradient,
                    call.accumulate, bias);
  }

 private:
  template <class At>
  static void weight_gradient(const Call& call) {
    float* weight = call.parameter_gradients[0];
    if constexpr (algorithm<At> == Algorithm::im2col)
      im2col_weight_gradient(columns<At>, call, weight);
    if constexpr (algorithm<At> == Algorithm::planes)
      planes_weight_gradient<Size>(call.team, planes<At>, call.batch, call.inputs[0],
                                   call.output_gradient, call.thread_scratch(), call.accumulate,
                                   weight);
    // The transform at the end costs as much as some tiles.
    bool few_tiles = true;
    if constexpr (winograd_gradients<At>)
      few_tiles = call.batch * winograd<At>.tiles() < few_gradient_tiles;
    if constexpr (winograd_gradients<At>)
      if (!few_tiles)
        winograd_weight_gradient<tile<At>>(call.team, gradient<At>, call.batch, call.inputs[0],
                                           call.output_gradient, call.shared_scratch(),
                                           call.accumulate, weight);
    if constexpr (blocked<At>)
      if (few_tiles)
        direct_weight_gradient(call.team, direct<At>, call.batch, call.inputs[0],
                               call.output_gradient, call.thread_scratch(), call.accumulate,
                               weight);
  }
};

}  // namespace frostline
