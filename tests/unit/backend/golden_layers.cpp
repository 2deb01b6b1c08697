// SPDX-License-Identifier: MIT
// Every operation of the CPU backend against PyTorch's results in tests/golden/layers.safetensors.
#include "frostline/backend/cpu.hpp"
#include "support/golden_cases.hpp"
#include "support/internals.hpp"

namespace frostline::test::golden_layers_test {
namespace {

TEST_CASE("layers give PyTorch's results") { check_golden_layers<cpu>(); }
TEST_CASE("gates and activations in the blocked layout give PyTorch's results") {
  constexpr Situation blocked{.given = Layout::blocked};
  check_golden<cpu, ReLU6, 18, 3, 5, Statistics::batch, blocked>("relu6.plain");
  check_golden<cpu, Sigmoid, 18, 3, 5, Statistics::batch, blocked>("sigmoid.plain");
  check_golden<cpu, Scale, 18, 3, 5, Statistics::batch, blocked>("scale.plain");
  check_golden<cpu, SiLU, 18, 3, 5, Statistics::batch, blocked>("silu.plain");
  check_golden<cpu, GELU, 18, 3, 5, Statistics::batch, blocked>("gelu.plain");
  check_golden<cpu, Hardswish, 18, 3, 5, Statistics::batch, blocked>("hardswish.plain");
  check_golden<cpu, Hardsigmoid, 18, 3, 5, Statistics::batch, blocked>("hardsigmoid.plain");
}
TEST_CASE("cross entropy and its gradient are PyTorch's") { check_golden_losses<cpu>(); }
TEST_CASE("steps of optimizers are PyTorch's") { check_golden_steps<cpu>(); }
TEST_CASE("clipping by norm is PyTorch's") { check_golden_clipping<cpu>(); }

/// The numbers of a tile of an image, all channels.
Group tiles_of(Shape shape, int tile) {
  return [=](std::size_t i) {
    const int pixel = int(i % shape.pixels()), across = divide_up(shape.width, tile);
    return std::size_t(pixel / shape.width / tile * across + pixel % shape.width / tile);
  };
}
/// Padding zeros are multiplied with the weights: an infinite weight gives NaN.
struct ByZeros {
  Shape in;
  Allowed operator()(std::string_view tensor, std::string_view result) const {
    if (tensor == "weight" && result == "input_gradient") return {Strays::near, channels_of(in)};
    return {};
  }
};
/// A transform adds up all values of a tile, and all taps of a weight.
struct ByTiles {
  Shape in, out;
  int tile, backward_tile;  // 0: the backward is direct

  Allowed operator()(std::string_view tensor, std::string_view result) const {
    const bool backward = result != "output";
    if (backward && backward_tile == 0) return ByZeros{in}(tensor, result);
    if (tensor == "bias") return {};
    if (result == "weight_gradient" && tensor == "output_gradient")
      return {Strays::near, channels_of({out.channels, in.channels * 9, 1})};
    if (result == "weight_gradient") return {Strays::near, channels_of({in.channels, 9, 1})};
    const Shape shape = backward ? in : out;
    if (tensor == "weight") return {Strays::near, channels_of(shape)};
    return {Strays::near, tiles_of(shape, backward ? backward_tile : tile)};
  }
};
constexpr Situation with(Convolutions algorithm) { return {.tuning = {.convolutions = algorithm}}; }
constexpr Situation first{.first = true};

template <Convolutions algorithm>
void check_same_padding() {
  constexpr Situation asked = with(algorithm);
  constexpr Statistics batch = Statistics::batch;
  constexpr int same = same_padding;
  check_golden<cpu, Conv2d<4, 6, 3, 2, same>, 4, 8, 10, batch, asked>("conv2d.same_even");
  check_golden<cpu, Conv2d<5, 18, 3, 2, same>, 5, 13, 14, batch, asked>("conv2d.same_mixed");
  check_golden<cpu, Conv2d<4, 6, 1, 2, same>, 4, 5, 6, batch, asked>("conv2d.same_one");
}
TEST_CASE("every algorithm pads an image as TensorFlow's SAME") {
  constexpr Statistics batch = Statistics::batch;
  constexpr int same = same_padding;
  check_same_padding<Convolutions::im2col>();
  check_same_padding<Convolutions::direct>();
  check_same_padding<Convolutions::f2>();
  check_same_padding<Convolutions::f4>();
  using Even = Conv2d<4, 6, 3, 2, same>;
  using Stem = Conv2d<3, 5, 7, 2, same, 1, 1, false>;
  check_golden<cpu, Even, 4, 8, 10, batch, first>("conv2d.same_even");  // on planes
  check_golden<cpu, Stem, 3, 12, 11, batch, first>("conv2d.same_stem");
  using Direct = Kernel<cpu, Even>;
  static_assert(Direct::choose(placed(first, {4, 8, 10})).name == "direct, planes");
  static_assert(Direct::choose(placed(with(Convolutions::direct), {4, 8, 10})).name == "direct");
  static_assert(Direct::choose(placed({}, {4, 8, 10})).name == "Winograd F(4x4)");
}

TEST_CASE("special values pass through sums of plain products as through PyTorch's") {
  using Same = Conv2d<2, 3, 3, 1, 1>;
  using Strided = Conv2d<2, 3, 3, 2, 1>;
  using Shortcut = Conv2d<3, 2, 1, 2, 0, 1, 1, false>;
  using Stem = Conv2d<3, 2, 7, 2, 3, 1, 1, false>;
  constexpr Situation columns = with(Convolutions::im2col), direct = with(Convolutions::direct);
  constexpr Statistics batch = Statistics::batch;
  check_special<cpu, Same, 2, 8, 8, columns>("conv2d.same");
  check_special<cpu, Same, 2, 8, 8, first>("conv2d.same");
  check_special<cpu, Same, 2, 8, 8, direct, batch>("conv2d.same", ByZeros{{2, 8, 8}});
  check_special<cpu, Strided, 2, 8, 8, columns>("conv2d.strided");
  check_special<cpu, Strided, 2, 8, 8, first>("conv2d.strided");
  check_special<cpu, Strided, 2, 8, 8, direct, batch>("conv2d.strided", ByZeros{{2, 8, 8}});
  check_special<cpu, Shortcut, 3, 4, 4, columns>("conv2d.shortcut");
  check_special<cpu, Shortcut, 3, 4, 4, direct>("conv2d.shortcut");
  check_special<cpu, Stem, 3, 9, 8>("conv2d.stem");
  check_special<cpu, Stem, 3, 9, 8, first>("conv2d.stem");
  check_special<cpu, Conv2d<4, 2, 3, 1, 2, 2, 2>, 4, 5, 4>("conv2d.grouped");
}

template <class Layer, Convolutions algorithm>
void check_tiles(const std::string& name, Shape out, int tile, int backward_tile) {
  check_special<cpu, Layer, 2, 8, 8, with(algorithm), Statistics::batch>(
      name, ByTiles{{2, 8, 8}, out, tile, backward_tile});
}
TEST_CASE("special values reach no further than the tiles of a transformed convolution") {
  using Same = Conv2d<2, 3, 3, 1, 1>;
  using Strided = Conv2d<2, 3, 3, 2, 1>;
  check_tiles<Same, Convolutions::f2>("conv2d.same", {3, 8, 8}, 2, 2);
  check_tiles<Same, Convolutions::f4>("conv2d.same", {3, 8, 8}, 4, 4);
  check_tiles<Strided, Convolutions::f2>("conv2d.strided", {3, 4, 4}, 2, 0);
  check_tiles<Strided, Convolutions::f4>("conv2d.strided", {3, 4, 4}, 4, 0);
}
TEST_CASE("special values pass through all other layers as through PyTorch's") {
  check_special_layers<cpu>();
}
TEST_CASE("special logits have PyTorch's losses and gradients") { check_special_losses<cpu>(); }
TEST_CASE("special parameters and gradients take PyTorch's steps") { check_special_steps<cpu>(); }

}  // namespace
}  // namespace frostline::test::golden_layers_test
