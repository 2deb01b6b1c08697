// SPDX-License-Identifier: MIT
// The algorithms of Conv2d on the CPU: a list of structs with the same members. A convolution takes
// the first that fits.
#pragma once

#include <algorithm>
#include <type_traits>

#include "frostline/backend/cpu/conv2d_choice.hpp"
#include "frostline/backend/cpu/conv2d_depthwise.hpp"
#include "frostline/backend/cpu/conv2d_direct.hpp"
#include "frostline/backend/cpu/conv2d_im2col.hpp"
#include "frostline/backend/cpu/conv2d_planes.hpp"
#include "frostline/backend/cpu/conv2d_weights.hpp"
#include "frostline/backend/cpu/winograd.hpp"
#include "frostline/backend/cpu/winograd_gradient.hpp"
#include "frostline/backend/cpu/winograd_pack.hpp"
#include "frostline/backend/cpu/winograd_stem.hpp"
#include "frostline/core/type_list.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// The default members of an algorithm. An algorithm must also have, for its convolution,
/// - `fits(place)`, and `choice()`: layouts and name;
/// - `forward<At>(call, weights, epilogue)`: `pack<At>` wrote the weights;
/// - `input_gradient<At>(call)`, which reads the weights that `pack_backward<At>` wrote
///   (`call.packed`), and `weight_gradient<At>(call)`: both assign or add. Algorithms of only a
///   network's input lack the first, algorithms of only frozen convolutions lack both.
/// Units: floats, per thread, per team, of packed weights.
struct ConvolutionAlgorithm {
  static constexpr bool reads_only_packed = true;  // only `pack` reads the weights
  template <class At>
  static constexpr std::size_t scratch_floats(Pass) {
    return 0;
  }
  template <class At>
  static constexpr std::ptrdiff_t shared_scratch_floats(Pass) {
    return 0;
  }
  template <class At>
  static constexpr std::ptrdiff_t packed_floats() {
    return 0;
  }
  template <class At>
  static void pack(const Call&, const WeightView&, float*) {}
  template <class At>
  static constexpr std::ptrdiff_t packed_backward_floats() {
    return 0;
  }
  template <class At>
  static void pack_backward(const Call&) {}

  static constexpr bool odd(int channels) { return divide_up(channels, lanes) % 2 == 1; }
};

/// Any convolution, over NCHW.
template <ConvolutionSizes c>
struct Im2colAlgorithm : ConvolutionAlgorithm {
  static constexpr bool reads_only_packed = false;
  static constexpr bool fits(const Situation&) { return true; }
  static constexpr Choice choice() { return {.name = "im2col"}; }

  template <class At>
  static constexpr Convolution shape{
      At::in,
      At::out,
      c.groups,
      {c.kernel, c.stride, c.pads(At::in).top, c.pads(At::in).left, c.dilation}};
  template <class At>
  static constexpr std::size_t scratch_floats(Pass pass) {
    return shape<At>.scratch_floats(pass);
  }
  template <class At>
  static void forward(const Call& call, const float*, const Epilogue& epilogue) {
    const float* scale = epilogue.shift + divide_up(c.out, lanes) * lanes;
    im2col_forward(shape<At>, call, {scale, epilogue.shift, epilogue.added, epilogue.rectifier});
  }
  template <class At>
  static void input_gradient(const Call& call) {
    im2col_input_gradient(shape<At>, call, At::accumulates(0));
  }
  template <class At>
  static void weight_gradient(const Call& call) {
    im2col_weight_gradient(shape<At>, call, call.parameter_gradients[0]);
  }
};

/// Direct, on the NCHW planes of the network's input.
template <ConvolutionSizes c>
struct PlanesAlgorithm : ConvolutionAlgorithm {
  static constexpr bool fits(const Situation& place) {
    return is_ordinary(c, place) && place.first && c.in <= 4 && c.kernel <= 7;
  }
  static constexpr Choice choice() { return {Layout::plain, Layout::blocked, 0, "direct, planes"}; }

  template <class At>
  static constexpr PlaneConvolution shape{At::in, BlockedMap{At::out}, c.kernel, c.stride,
                                          c.pads(At::in)};
  template <class At>
  static constexpr std::size_t scratch_floats(Pass pass) {
    return pass == Pass::forward ? std::size_t(shape<At>.band_floats())
                                 : planes_gradient_floats(shape<At>);
  }
  template <class At>
  static constexpr std::ptrdiff_t packed_floats() {
    return shape<At>.forward().packed_floats(1);
  }
  template <class At>
  static void pack(const Call& call, const WeightView& weights, float* packed) {
    pack_taps(call.team, shape<At>.forward(), 1, weights, packed);
  }
  template <class At>
  static void forward(const Call& call, const float* weights, const Epilogue& epilogue) {
    planes_forward(call.team, shape<At>, tap_tiles<At::out.width, c.stride, 1, odd(c.out)>(),
                   call.batch, call.inputs[0], weights, epilogue, call.thread_scratch(),
                   call.output);
  }
  template <class At>
  static void weight_gradient(const Call& call) {
    planes_weight_gradient<c.kernel>(call.team, shape<At>, call.batch, call.inputs[0],
                                     call.output_gradient, call.thread_scratch(), call.accumulate,
                                     call.parameter_gradients[0]);
  }
};

/// Winograd's on space-to-depth, for the network's first convolution and the nodes after it up to
/// the max pooling. Without that pooling, PlanesAlgorithm replaces it (Kernel's `Algorithm`).
template <ConvolutionSizes c>
struct StemAlgorithm : ConvolutionAlgorithm {
  static constexpr bool fits(const Situation& place) {
    return PlanesAlgorithm<c>::fits(place) && c.kernel == 7 && c.stride == 2 && c.padding == 3 &&
           place.frozen && transforms(place);
  }
  static constexpr Choice choice() {
    Choice choice = PlanesAlgorithm<c>::choice();
    choice.pooled_name = "space to depth, Winograd F(4x4)";
    return choice;
  }

  template <class At>
  static constexpr StemShape shape = [] {
    const Shape pooled{c.out, (At::out.height + 1) / 2, (At::out.width + 1) / 2};
    return StemShape{At::in, BlockedMap{pooled}};
  }();
  template <class At>
  static constexpr std::size_t scratch_floats(Pass) {
    return std::size_t(shape<At>.thread_scratch_floats());
  }
  template <class At>
  static constexpr std::ptrdiff_t packed_floats() {
    return shape<At>.packed_floats();
  }
  template <class At>
  static void pack(const Call& call, const WeightView& weights, float* packed) {
    stem_pack(call.team, shape<At>, weights, packed);
  }
  template <class At>
  static void forward(const Call& call, const float* weights, const Epilogue& epilogue) {
    zero_borders(call.team, shape<At>.out, call.output, call.batch);
    stem_forward(call.team, shape<At>, call.batch, call.inputs[0], weights, epilogue.shift,
                 call.output, call.thread_scratch());
  }
};

/// Direct, over blocked values.
template <ConvolutionSizes c>
struct DirectAlgorithm : ConvolutionAlgorithm {
  static constexpr bool fits(const Situation& place) {
    return is_ordinary(c, place) &&
           (c.kernel == 1 || (c.kernel == 3 && has_borders(c, place.in))) &&
           (c.padding == c.kernel / 2 || c.padding == same_padding);
  }
  static constexpr Choice choice() { return {Layout::blocked, Layout::blocked, 0, "direct"}; }

  template <class At>
  static constexpr DirectConvolution shape{BlockedMap{At::in}, BlockedMap{At::out},
                                           c.kernel,           c.stride,
                                           c.pads(At::in).top, c.pads(At::in).left};
  template <class At>
  static constexpr std::size_t scratch_floats(Pass pass) {
    return pass == Pass::parameter_gradient ? DirectWeightGradient::scratch_floats(c.kernel) : 0;
  }
  template <class At>
  static constexpr std::ptrdiff_t packed_floats() {
    return shape<At>.forward().packed_floats(lanes);
  }
  template <class At>
  static void pack(const Call& call, const WeightView& weights, float* packed) {
    pack_taps(call.team, shape<At>.forward(), lanes, weights, packed);
  }
  template <class At>
  static constexpr std::ptrdiff_t packed_backward_floats() {
    return shape<At>.backward_floats();
  }
  template <class At>
  static void pack_backward(const Call& call) {
    direct_pack_backward(call.team, shape<At>,
                         WeightView::transposed(call.parameters[0], c.out, c.in, c.kernel),
                         call.packed);
  }
  template <class At>
  static void forward(const Call& call, const float* weights, const Epilogue& epilogue) {
    direct_forward(call.team, shape<At>,
                   tap_tiles<At::out.width, c.stride * lanes, lanes, odd(c.out)>(), call.batch,
                   call.inputs[0], weights, epilogue, call.output);
  }
  template <class At>
  static void input_gradient(const Call& call) {
    // A strided gradient is computed for even and odd input columns separately: tiles[0] and
    // tiles[1]. Without odd columns (stride 1, or width 1) tiles[1] repeats tiles[0], so that no
    // other tile is compiled; it is never called.
    constexpr int even = divide_up(At::in.width, c.stride), rest = At::in.width - even;
    constexpr int odd_columns = rest > 0 ? rest : even;
    constexpr TapTiles tiles[] = {tap_tiles<even, lanes, lanes, odd(c.in)>(),
                                  tap_tiles<odd_columns, lanes, lanes, odd(c.in)>()};
    direct_input_gradient(call.team, shape<At>, tiles, call.batch, call.output_gradient,
                          call.packed, At::accumulates(0), call.input_gradients[0]);
  }
  template <class At>
  static void weight_gradient(const Call& call) {
    direct_weight_gradient(call.team, shape<At>, call.batch, call.inputs[0], call.output_gradient,
                           call.thread_scratch(), call.accumulate, call.parameter_gradients[0]);
  }
};

/// Depthwise, of 3x3, 5x5 or 7x7, over blocked values.
template <ConvolutionSizes c>
struct DepthwiseAlgorithm : ConvolutionAlgorithm {
  static constexpr bool fits(const Situation& place) {
    return c.groups > 1 && c.groups == c.in && c.groups == c.out && c.dilation == 1 &&
           c.stride <= 2 && (c.kernel == 3 || c.kernel == 5 || c.kernel == 7) &&
           (c.padding == c.kernel / 2 || c.padding == same_padding) && has_borders(c, place.in) &&
           place.tuning.convolutions != Convolutions::im2col;
  }
  static constexpr Choice choice() { return {Layout::blocked, Layout::blocked, 0, "depthwise"}; }

  template <class At>
  static constexpr DepthwiseConvolution shape{BlockedMap{At::in}, BlockedMap{At::out},
                                              c.kernel,           c.stride,
                                              c.pads(At::in).top, c.pads(At::in).left};
  template <class At>
  static constexpr std::size_t scratch_floats(Pass pass) {
    if (pass == Pass::input_gradient) return shape<At>.backward_floats();
    return pass == Pass::forward ? shape<At>.forward().scratch_floats()
                                 : shape<At>.weight_gradient_floats();
  }
  template <class At>
  static constexpr std::ptrdiff_t packed_floats() {
    return shape<At>.forward().packed_floats();
  }
  template <class At>
  static void pack(const Call& call, const WeightView& weights, float* packed) {
    depthwise_pack(call.team, shape<At>.forward(), weights, packed);
  }
  template <class At>
  static constexpr std::ptrdiff_t packed_backward_floats() {
    return packed_floats<At>();  // each tap belongs to one part of the gradient
  }
  template <class At>
  static void pack_backward(const Call& call) {
    depthwise_pack_backward(call.team, shape<At>,
                            WeightView::of(call.parameters[0], c.out, 1, c.kernel), call.packed);
  }
  template <class At>
  static void forward(const Call& call, const float* weights, const Epilogue& epilogue) {
    zero_borders(call.team, BlockedMap{At::out}, call.output, call.batch);
    depthwise_sum(call.team, shape<At>.forward(), depthwise_tiles<At::out.width, c.stride>(),
                  call.batch, call.inputs[0], weights, epilogue, call.thread_scratch(),
                  call.output);
  }
  template <class At>
  static void input_gradient(const Call& call) {
    constexpr int even = divide_up(At::in.width, c.stride), odd_columns = At::in.width - even;
    constexpr DepthwiseTiles tiles[] = {
        depthwise_tiles<even, 1>(),
        depthwise_tiles<(odd_columns > 0 ? odd_columns : even), 1>()};  // as DirectAlgorithm
    depthwise_input_gradient(call.team, shape<At>, tiles, call.batch, call.output_gradient,
                             call.packed, At::accumulates(0), call.thread_scratch(),
                             call.input_gradients[0]);
  }
  template <class At>
  static void weight_gradient(const Call& call) {
    depthwise_weight_gradient<c.kernel>(call.team, shape<At>, call.batch, call.inputs[0],
                                        call.output_gradient, call.accumulate,
                                        call.thread_scratch(), call.parameter_gradients[0]);
  }
};

/// Winograd's with tiles of M x M outputs, over blocked values. Gradients of stride 2 are direct,
/// and so are the weights' gradients for very few tiles.
template <ConvolutionSizes c, int M>
struct WinogradAlgorithm : DirectAlgorithm<c> {
  using Direct = DirectAlgorithm<c>;
  static constexpr bool gradients = c.stride == 1;
  static constexpr bool many = has_many_weights(c, M);
  static constexpr int few_gradient_tiles = 16;

  static constexpr bool fits(const Situation& place) {
    return Direct::fits(place) && c.kernel == 3 &&
           (c.stride == 1 ? winograd_tile(place) : strided_winograd_tile(place)) == M;
  }
  static constexpr Choice choice() {
    return {Layout::blocked, Layout::blocked, 0, winograd_name(M, many)};
  }

  template <class At, int Tile>
  static constexpr WinogradShape tiled{BlockedMap{At::in}, BlockedMap{At::out}, Tile, c.stride,
                                       c.pads(At::in).top, c.pads(At::in).left};
  template <class At>
  static constexpr WinogradShape shape = tiled<At, M>;
  template <class At>  // the shape that forward uses for very few images
  static constexpr WinogradShape for_few = tiled<At, 2>;
  template <class At>  // the convolution that computes the input's gradient
  static constexpr WinogradShape backward{BlockedMap{At::out}, BlockedMap{At::in}, M};
  template <class At>
  static constexpr WinogradGradientShape gradient{shape<At>};
  // Weights with a folded batch norm are frozen, and packed once.
  template <class At>
  using PackedIn = std::conditional_t<At::batch_norm, double, float>;
  static bool few_images(const Call& call) { return call.max_batch <= 2; }

  template <class At>
  static constexpr std::size_t scratch_floats(Pass pass) {
    if (pass == Pass::parameter_gradient) return Direct::template scratch_floats<At>(pass);
    if (pass == Pass::input_gradient)
      return gradients ? std::size_t(backward<At>.thread_scratch_floats()) : 0;
    const auto floats = shape<At>.thread_scratch_floats();
    return std::size_t(many ? std::max(floats, for_few<At>.thread_scratch_floats()) : floats);
  }
  template <class At>
  static constexpr std::ptrdiff_t shared_scratch_floats(Pass pass) {
    if (pass == Pass::parameter_gradient) return gradients ? gradient<At>.scratch_floats() : 0;
    if (pass == Pass::input_gradient) return gradients ? backward<At>.shared_scratch_floats() : 0;
    const auto floats = shape<At>.shared_scratch_floats();
    return many ? std::max(floats, for_few<At>.shared_scratch_floats()) : floats;
  }
  template <class At>
  static constexpr std::ptrdiff_t packed_floats() {
    return shape<At>.packed_floats();
  }
  template <class At>
  static void pack(const Call& call, const WeightView& weights, float* packed) {
    if constexpr (many)
      if (few_images(call))
        return winograd_pack<2, c.stride, PackedIn<At>>(call.team, for_few<At>, weights, packed);
    winograd_pack<M, c.stride, PackedIn<At>>(call.team, shape<At>, weights, packed);
  }
  template <class At>
  static constexpr std::ptrdiff_t packed_backward_floats() {
    return gradients ? backward<At>.packed_floats() : Direct::template packed_backward_floats<At>();
  }
  template <class At>
  static void pack_backward(const Call& call) {
    if constexpr (gradients)
      winograd_pack<M, 1, float>(call.team, backward<At>,
                                 WeightView::backward(call.parameters[0], c.out, c.in, c.kernel),
                                 call.packed);
    else
      Direct::template pack_backward<At>(call);
  }
  template <class At>
  static void forward(const Call& call, const float* weights, const Epilogue& epilogue) {
    zero_borders(call.team, BlockedMap{At::out}, call.output, call.batch);
    const auto run = [&](auto outputs, const WinogradShape& of) {
      winograd_forward<outputs, c.stride>(call.team, of, call.batch, call.inputs[0], weights,
                                          epilogue, call.output, call.shared_scratch(),
                                          call.thread_scratch());
    };
    if constexpr (many)
      if (few_images(call)) return run(std::integral_constant<int, 2>{}, for_few<At>);
    run(std::integral_constant<int, M>{}, shape<At>);
  }
  template <class At>
  static void input_gradient(const Call& call) {
    if constexpr (gradients) {
      float* to = call.input_gradients[0];
      if constexpr (!At::accumulates(0))
        zero_borders(call.team, BlockedMap{At::in}, to, call.batch);
      winograd_forward<M>(call.team, backward<At>, call.batch, call.output_gradient, call.packed,
                          {.added = At::accumulates(0) ? to : nullptr}, to, call.shared_scratch(),
                          call.thread_scratch());
    } else {
      Direct::template input_gradient<At>(call);
    }
  }
  template <class At>
  static void weight_gradient(const Call& call) {
    if constexpr (gradients)  // The transform at the end costs as much as some tiles.
      if (call.batch * shape<At>.tiles() >= few_gradient_tiles)
        return winograd_weight_gradient<M>(call.team, gradient<At>, call.batch, call.inputs[0],
                                           call.output_gradient, call.shared_scratch(),
                                           call.accumulate, call.parameter_gradients[0]);
    Direct::template weight_gradient<At>(call);
  }
};

/// In the order in which `fits` is called; the last always fits.
template <ConvolutionSizes c>
using ConvolutionAlgorithms =
    TypeList<StemAlgorithm<c>, PlanesAlgorithm<c>, WinogradAlgorithm<c, 2>, WinogradAlgorithm<c, 4>,
             WinogradAlgorithm<c, 5>, WinogradAlgorithm<c, 7>, DirectAlgorithm<c>,
             DepthwiseAlgorithm<c>, Im2colAlgorithm<c>>;

/// The choice of the first algorithm of a list that fits, and its number in the list.
template <class... Algorithm>
constexpr Choice first_that_fits(const Situation& place, TypeList<Algorithm...>) {
  Choice choice{};
  int number = 0;
  const auto take = [&](Choice chosen) {
    choice = chosen;
    choice.algorithm = number;
    return true;
  };
  ((Algorithm::fits(place) ? take(Algorithm::choice()) : (++number, false)) || ...);
  return choice;
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
