// SPDX-License-Identifier: MIT
// Every layer of the CPU backend through the gradient checker.
#include <algorithm>
#include <cmath>

#include "frostline/backend/cpu.hpp"
#include "frostline/layers/pointwise_linear.hpp"
#include "support/check_layer.hpp"
#include "support/internals.hpp"

namespace frostline::test::layers_test {
namespace {

constexpr Situation first{.first = true}, frozen{.frozen = true};
constexpr Situation with(Convolutions algorithm) { return {.tuning = {.convolutions = algorithm}}; }

TEST_CASE("a convolution's gradients are its slopes") {
  check_layer<cpu, Conv2d<3, 4, 3, 1, 1>, 3, 5, 7>(2);
  check_layer<cpu, Conv2d<3, 5, 7, 2, 3, 1, 1, false>, 3, 11, 9>(3);
  check_layer<cpu, Conv2d<5, 3, 1>, 5, 3, 4>(2);
  check_layer<cpu, Conv2d<4, 6, 1, 2, 0, 1, 1, false>, 4, 5, 5>(1);
  check_layer<cpu, Conv2d<2, 3, 3, 1, 2, 2>, 2, 6, 5>(2);
  check_layer<cpu, Conv2d<6, 4, 3, 2, 1, 1, 2>, 6, 7, 6>(2);
  check_layer<cpu, Conv2d<4, 4, 3, 1, 1, 1, 4, false>, 4, 4, 4>(2);
  check_layer<cpu, Conv2d<2, 3, 3, 1, 1>, 2, 1, 1>(5);
  check_layer<cpu, Conv2d<3, 2, 3, 3, 0>, 3, 37, 53>(1);
  check_layer<cpu, Conv2d<33, 17, 3, 1, 1, 1, 1, false>, 33, 9, 8>(3);
}

TEST_CASE("a convolution's gradients are its slopes with each algorithm", "[slow]") {
  check_layer<cpu, Conv2d<3, 5, 7, 2, 3, 1, 1, false>, 3, 37, 53, first>(1);
  check_layer<cpu, Conv2d<1, 17, 3, 1, 1>, 1, 6, 5, first>(4);
  check_layer<cpu, Conv2d<17, 33, 3, 2, 1>, 17, 9, 7, with(Convolutions::direct)>(3);
  check_layer<cpu, Conv2d<5, 3, 3, 1, 1>, 5, 37, 53, with(Convolutions::direct)>(1);
  check_layer<cpu, Conv2d<17, 5, 1, 2>, 17, 7, 8, with(Convolutions::direct)>(9);
  check_layer<cpu, Conv2d<5, 33, 3, 1, 1>, 5, 6, 7, with(Convolutions::f2)>(2);
  check_layer<cpu, Conv2d<17, 5, 3, 1, 1>, 17, 11, 13, with(Convolutions::f4)>(5);
  check_layer<cpu, Conv2d<1, 3, 3, 1, 1>, 1, 37, 53, with(Convolutions::f5)>(1);
  check_layer<cpu, Conv2d<33, 1, 3, 1, 1>, 33, 8, 7, with(Convolutions::f7)>(9);
  check_layer<cpu, Conv2d<5, 33, 3, 2, 1>, 5, 6, 7, with(Convolutions::f2)>(9);
  check_layer<cpu, Conv2d<17, 5, 3, 2, 1>, 17, 11, 13, with(Convolutions::f4)>(5);
  check_layer<cpu, Conv2d<33, 3, 3, 2, 1>, 33, 37, 53, with(Convolutions::f4)>(1);
  check_layer<cpu, Conv2d<5, 3, 3, 1, 1>, 5, 6, 7, with(Convolutions::im2col)>(2);
}

TEST_CASE("a convolution's gradients are its slopes where its padding is TensorFlow's SAME") {
  constexpr int same = same_padding;
  check_layer<cpu, Conv2d<33, 17, 3, 2, same>, 33, 12, 9>(3);
  check_layer<cpu, Conv2d<3, 4, 3, 2, same>, 3, 1, 2>(3);
  check_layer<cpu, Conv2d<5, 3, 3, 2, same>, 5, 36, 54, with(Convolutions::direct)>(1);
  check_layer<cpu, Conv2d<3, 17, 3, 2, same>, 3, 10, 6, first>(2);
  check_layer<cpu, Conv2d<6, 6, 5, 2, same, 1, 6, false>, 6, 7, 6>(2);
}

TEST_CASE("a depthwise convolution's gradients are its slopes") {
  constexpr int same = same_padding;
  check_layer<cpu, Conv2d<33, 33, 3, 1, 1, 1, 33>, 33, 9, 8>(3);
  check_layer<cpu, Conv2d<17, 17, 3, 2, same, 1, 17, false>, 17, 12, 29>(2);
  check_layer<cpu, Conv2d<17, 17, 3, 2, 1, 1, 17>, 17, 7, 8>(3);
  check_layer<cpu, Conv2d<5, 5, 5, 1, 2, 1, 5, false>, 5, 37, 53>(1);
  check_layer<cpu, Conv2d<33, 33, 5, 2, same, 1, 33, false>, 33, 16, 12>(2);
  check_layer<cpu, Conv2d<3, 3, 5, 2, same, 1, 3>, 3, 15, 31>(2);
  check_layer<cpu, Conv2d<3, 3, 5, 2, 2, 1, 3>, 3, 8, 9>(2);
  check_layer<cpu, Conv2d<2, 2, 5, 1, 2, 1, 2, false>, 2, 1, 1>(5);
  check_layer<cpu, Conv2d<2, 2, 5, 2, same, 1, 2, false>, 2, 2, 1>(3);
  check_layer<cpu, Conv2d<4, 4, 3, 1, 1, 1, 4, false>, 4, 5, 4, with(Convolutions::im2col)>(2);
}

// A window of 7x7 reads three columns beside the image; with 4, 8, 12, ... columns its border has
// fewer, and rows are copied.
TEST_CASE("a depthwise convolution of 7x7 has its slopes as gradients") {
  constexpr int same = same_padding;
  static_assert(DepthwiseConvolution{{{1, 5, 16}}, {{1, 5, 16}}, 7, 1, 3, 3}.forward().copies());
  static_assert(!DepthwiseConvolution{{{1, 5, 14}}, {{1, 5, 14}}, 7, 1, 3, 3}.forward().copies());
  check_layer<cpu, Conv2d<17, 17, 7, 1, 3, 1, 17>, 17, 9, 16>(2);
  check_layer<cpu, Conv2d<5, 5, 7, 1, 3, 1, 5, false>, 5, 19, 14>(2);
  check_layer<cpu, Conv2d<3, 3, 7, 2, 3, 1, 3>, 3, 21, 12>(2);
  check_layer<cpu, Conv2d<2, 2, 7, 2, same, 1, 2>, 2, 9, 20>(2);
  check_layer<cpu, Conv2d<2, 2, 7, 1, 3, 1, 2, false>, 2, 1, 4>(3);
}

TEST_CASE("a convolution's gradient is the sum of all blocks of tiles") {
  static_assert(WinogradGradientShape{{{{5, 37, 53}}, {{3, 37, 53}}, 4}}.block_tiles() < 140);
  check_layer<cpu, Conv2d<5, 3, 3, 1, 1>, 5, 37, 53, with(Convolutions::f4)>(2);
}

TEST_CASE("a direct convolution computes each of its parts once, with any size of the cache") {
  for (const int channels : {64, 512})
    for (const int side : {7, 28, 56})
      for (const int batch : {1, 5, 9}) {
        const BlockedMap in{{channels, 2 * side, 2 * side}}, out{{2 * channels, side, side}};
        const TapSum sum = DirectConvolution{in, out, 3, 2}.forward();
        const PartOrder order(sum, batch, sum.height);
        std::vector<int> computed(std::size_t(order.tasks()));
        for (int task = 0; task < order.tasks(); ++task) {
          const auto [part, pair] = order[task];
          ++computed[std::size_t(part * order.pairs + pair)];
        }
        REQUIRE(std::ranges::count(computed, 1) == order.tasks());
      }
}

TEST_CASE("a linear layer's gradients are its slopes") {
  check_layer<cpu, Linear<7, 5>, 7, 1, 1>(3);
  check_layer<cpu, Linear<1, 9>, 1, 1, 1>(1);
  check_layer<cpu, Linear<130, 33>, 130, 1, 1>(9);
  check_layer<cpu, Linear<17, 131>, 17, 1, 1>(7);
}

TEST_CASE("the gradients of a linear layer at each pixel are its slopes") {
  check_layer<cpu, PointwiseLinear<17, 5>, 17, 3, 4>(2);
  check_layer<cpu, PointwiseLinear<3, 33>, 3, 1, 1>(5);
}

TEST_CASE("a layer norm's gradients are its slopes") {
  const LayerCheck curved{.step = 1e-2f, .tolerance = 1e-2};
  check_layer<cpu, LayerNorm2d<3, Epsilon{0.5f}>, 3, 5, 4>(4, curved);
  check_layer<cpu, LayerNorm2d<17>, 17, 1, 1>(9, curved);
  check_layer<cpu, LayerNorm2d<48>, 48, 2, 9>(2, curved);
}

// A row of pixels has no border in the blocked layout.
TEST_CASE("layers of sequences of tokens have their slopes as gradients") {
  const LayerCheck smooth{.step = 1e-2f}, curved{.step = 1e-2f, .tolerance = 1e-2};
  check_layer<cpu, ClassToken<17>, 17, 3, 4>(2);
  check_layer<cpu, ClassToken<32>, 32, 1, 1>(3);
  check_layer<cpu, ClassToken<5>, 5, 1, 7>(2);
  check_layer<cpu, PositionEmbedding<17, 5>, 17, 1, 5>(3);
  check_layer<cpu, PositionEmbedding<32, 1>, 32, 1, 1>(2);
  check_layer<cpu, FirstToken, 17, 1, 5>(3);
  check_layer<cpu, FirstToken, 32, 1, 1>(2);
  check_layer<cpu, ScaledDotProductAttention<1>, 9, 1, 5>(3, curved);
  check_layer<cpu, ScaledDotProductAttention<3>, 45, 1, 19>(2, curved);
  check_layer<cpu, ScaledDotProductAttention<2>, 96, 1, 17>(2, curved);
  check_layer<cpu, ScaledDotProductAttention<2>, 24, 1, 1>(2, curved);
  check_layer<cpu, ScaledDotProductAttention<1>, 48, 1, 101>(1, curved);
  check_layer<cpu, PointwiseLinear<17, 33>, 17, 1, 19>(2);
  check_layer<cpu, PointwiseLinear<65, 5>, 65, 1, 5001>(1);  // the sum in parts
  check_layer<cpu, LayerNorm2d<17>, 17, 1, 37>(2, curved);
  check_layer<cpu, LayerScale<17>, 17, 1, 5>(2);
  check_layer<cpu, GELU, 17, 1, 5>(2, smooth);
  check_layer<cpu, Sigmoid, 17, 1, 5>(2, smooth);
  check_layer<cpu, Dropout<>, 17, 1, 5>(2);
  check_layer<cpu, Reorder, 33, 1, 19>(2);
}

TEST_CASE("layers of images of one row have their slopes as gradients") {
  const LayerCheck kinked{.step = 1e-2f, .gap = 2.5e-2f};
  check_layer<cpu, Conv2d<5, 17, 3, 1, 1>, 5, 1, 9>(2);
  check_layer<cpu, Conv2d<5, 17, 3, 2, 1>, 5, 2, 9>(2);
  check_layer<cpu, Conv2d<5, 17, 3, 2, 1>, 5, 2, 2>(2);
  check_layer<cpu, Conv2d<5, 17, 1, 2>, 5, 2, 9>(2);
  check_layer<cpu, Conv2d<3, 17, 3, 2, 1>, 3, 2, 9, first>(2);
  check_layer<cpu, Conv2d<5, 17, 3, 1, 1>, 5, 1, 9, with(Convolutions::f4)>(2);
  check_layer<cpu, Conv2d<17, 17, 3, 2, 1, 1, 17>, 17, 2, 9>(2);
  check_layer<cpu, BatchNorm2d<17>, 17, 1, 9>(3, {.step = 1e-2f, .tolerance = 1e-2});
  check_layer<cpu, MaxPool2d<3, 2, 1>, 17, 1, 9>(2, kinked);
  check_layer<cpu, MaxPool2d<3, 2, 1>, 17, 2, 9>(2, kinked);
  check_layer<cpu, AvgPool2d<3, 2, 1>, 17, 1, 9>(2);
  check_layer<cpu, GlobalAveragePool, 17, 1, 9>(2);
  check_layer<cpu, Upsample<1, 9>, 17, 1, 4>(2);
  check_layer<cpu, Scale, 17, 1, 9>(2);
}

TEST_CASE("a layer scale's gradients are its slopes") {
  check_layer<cpu, LayerScale<3>, 3, 5, 4>(4);
  check_layer<cpu, LayerScale<17>, 17, 1, 1>(9);
  check_layer<cpu, LayerScale<33>, 33, 7, 9>(1);
}

TEST_CASE("a batch norm's gradients are its slopes, with batch and with running statistics") {
  const LayerCheck curved{.step = 1e-2f, .tolerance = 1e-2};
  check_layer<cpu, BatchNorm2d<3>, 3, 5, 4>(4, curved);
  check_layer<cpu, BatchNorm2d<17>, 17, 1, 1>(9, curved);
  check_layer<cpu, BatchNorm2d<1>, 1, 37, 53>(1, curved);
  check_layer<cpu, BatchNorm2d<33>, 33, 2, 9>(2, curved);
  check_layer<cpu, BatchNorm2d<5>, 5, 3, 4, frozen>(3);
}

TEST_CASE("a batch norm's statistics are exact when the mean is far from zero") {
  constexpr Situation place{.in = {5, 37, 53}};
  LayerRun<cpu, BatchNorm2d<5>, place> run(3, 2);
  run.x[0] = random_floats(3 * place.in.size(), 999, 1001);
  run.p[0] = run.p[1] = std::vector<float>(5, 1.0f);
  run.b[0] = run.b[1] = std::vector<float>(5, 0.0f);
  run.b[2] = std::vector<float>(2);
  run.forward<flags::batch_statistics>();
  for (std::size_t c = 0; c < 5; ++c) {
    const std::size_t pixels = place.in.pixels();
    double mean = 0, squares = 0;
    const auto each = [&](auto visit) {
      for (std::size_t n = 0; n < 3; ++n)
        for (std::size_t i = 0; i < pixels; ++i)
          visit(double(run.x[0][n * place.in.size() + c * pixels + i]));
    };
    each([&](double x) { mean += x / double(3 * pixels); });
    each([&](double x) { squares += (x - mean) * (x - mean); });
    const double variance = squares / double(3 * pixels - 1);
    REQUIRE(std::abs(10 * double(run.b[0][c]) - mean) <= 2e-7 * mean);
    REQUIRE(std::abs(10 * double(run.b[1][c]) - variance) <= 1e-6 * variance);
  }
}

TEST_CASE("GELU's normal probabilities are exact but for rounding, also far out") {
  for (float x = -13; x < 13; x += 0.01f) {
    const double wanted = std::erfc(-double(x) / std::sqrt(2.0)) / 2;
    const double error = std::abs(double(Normal::at(splat(x)).less[0]) - wanted);
    INFO(x);
    REQUIRE(error <= wanted * (3e-7 + 1e-7 * double(x * x)));
  }
}

TEST_CASE("a layer norm's statistics are exact when the mean is far from zero") {
  constexpr Situation place{.in = {33, 2, 3}};
  LayerRun<cpu, LayerNorm2d<33>, place> run(2, 2);
  run.x[0] = random_floats(2 * place.in.size(), 999, 1001);
  run.p[0] = std::vector<float>(33, 1.0f);
  run.p[1] = std::vector<float>(33, 0.0f);
  const std::vector<float> y = run.forward<0>();
  for (std::size_t n = 0; n < 2; ++n)
    for (std::size_t pixel = 0; pixel < place.in.pixels(); ++pixel) {
      const auto at = [&](std::size_t c) {
        return n * place.in.size() + c * place.in.pixels() + pixel;
      };
      double mean = 0, variance = 0;
      for (std::size_t c = 0; c < 33; ++c) mean += double(run.x[0][at(c)]) / 33;
      for (std::size_t c = 0; c < 33; ++c)
        variance += std::pow(double(run.x[0][at(c)]) - mean, 2) / 33;
      for (std::size_t c = 0; c < 33; ++c) {
        const double wanted = (double(run.x[0][at(c)]) - mean) / std::sqrt(variance + 1e-5);
        REQUIRE(std::abs(double(y[at(c)]) - wanted) < 1e-3);
      }
    }
}

TEST_CASE("a dropout drops the same values in both layouts") {
  constexpr Situation plain{.in = {17, 3, 5}}, blocked{.in = {17, 3, 5}, .given = Layout::blocked};
  LayerRun<cpu, Dropout<>, plain> one(4, 1);
  LayerRun<cpu, Dropout<>, blocked> other(4, 3);
  one.x[0] = other.x[0] = random_floats(4 * plain.in.size());
  const std::vector<float> y = one.forward<flags::batch_statistics>();
  REQUIRE(y == other.forward<flags::batch_statistics>());
  const auto dropped = std::count(y.begin(), y.end(), 0.0f);
  REQUIRE(dropped > std::ptrdiff_t(y.size() / 3));
  REQUIRE(dropped < std::ptrdiff_t(2 * y.size() / 3));
}

TEST_CASE("stochastic depth drops whole images, as many as its probability says") {
  constexpr Situation plain{.in = {3, 2, 2}}, blocked{.in = {3, 2, 2}, .given = Layout::blocked};
  constexpr int batch = 2000;
  using Layer = StochasticDepth<Probability{0.25f}>;
  LayerRun<cpu, Layer, plain> one(batch, 1);
  LayerRun<cpu, Layer, blocked> other(batch, 3);
  one.x[0] = other.x[0] = random_floats(batch * plain.in.size(), 1, 2);
  const std::vector<float> y = one.forward<flags::batch_statistics>();
  REQUIRE(y == other.forward<flags::batch_statistics>());
  int dropped = 0, wrong = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const bool is_dropped = y[i - i % plain.in.size()] == 0;
    dropped += is_dropped && i % plain.in.size() == 0;
    wrong += std::abs(y[i] - (is_dropped ? 0 : one.x[0][i] / 0.75f)) > 1e-6f;
  }
  REQUIRE(wrong == 0);
  REQUIRE(std::abs(dropped - batch / 4) < 100);  // five deviations
  REQUIRE(one.forward<0>() == one.x[0]);         // frozen
}

TEST_CASE("layers without parameters have their slopes as gradients") {
  const LayerCheck kinked{.step = 1e-2f, .gap = 2.5e-2f};
  check_layer<cpu, GlobalAveragePool, 5, 3, 4>(3);
  check_layer<cpu, GlobalAveragePool, 33, 1, 1>(9);
  check_layer<cpu, GlobalAveragePool, 17, 37, 53>(1);
  check_layer<cpu, Flatten, 3, 4, 5>(2);
  check_layer<cpu, Add, 3, 4, 5>(2);
  check_layer<cpu, Add, 17, 1, 1>(9);
  check_layer<cpu, Scale, 3, 4, 5>(2);
  check_layer<cpu, Scale, 17, 1, 1>(9);
  check_layer<cpu, Scale, 33, 37, 53>(1);
  check_layer<cpu, Sigmoid, 3, 4, 5>(2, {.step = 1e-2f});
  check_layer<cpu, Sigmoid, 17, 5, 1>(3, {.step = 1e-2f});
  const LayerCheck smooth{.step = 1e-2f};
  check_layer<cpu, SiLU, 3, 4, 5>(2, smooth);
  check_layer<cpu, SiLU, 17, 5, 1>(3, smooth);
  check_layer<cpu, GELU, 3, 4, 5>(2, smooth);
  check_layer<cpu, GELU, 17, 5, 1>(3, smooth);
  check_layer<cpu, Hardswish, 17, 5, 3>(3, smooth);
  check_layer<cpu, Hardsigmoid, 17, 5, 3>(3, smooth);
  check_layer<cpu, AvgPool2d<2>, 17, 7, 5>(3);
  check_layer<cpu, AvgPool2d<3, 2, 1>, 3, 9, 8>(2);
  check_layer<cpu, AvgPool2d<2, 3, 1>, 33, 4, 7>(1);
  check_layer<cpu, AvgPool2d<5, 1, 2>, 5, 6, 3>(2);
  check_layer<cpu, ReLU, 3, 5, 4>(3, kinked);
  check_layer<cpu, ReLU, 17, 1, 1>(5, kinked);
  check_layer<cpu, ReLU, 1, 37, 53>(1, kinked);
  const LayerCheck up_to_6{.step = 1e-2f, .gap = 0.13f};  // inputs above 6, none near it
  check_layer<cpu, ReLU6, 3, 5, 4>(3, up_to_6);
  check_layer<cpu, ReLU6, 17, 1, 1>(9, up_to_6);
  check_layer<cpu, MaxPool2d<3, 2, 1>, 3, 9, 8>(2, kinked);
  check_layer<cpu, MaxPool2d<3, 2, 1>, 17, 1, 1>(9, kinked);
  check_layer<cpu, MaxPool2d<3, 2, 1>, 1, 37, 53>(1, kinked);
  check_layer<cpu, MaxPool2d<2>, 2, 7, 5>(3, kinked);
  check_layer<cpu, MaxPool2d<2, 3, 1>, 33, 4, 7>(1, kinked);
  check_layer<cpu, MaxPool2d<5, 1, 2>, 5, 6, 3>(2, kinked);
  check_layer<cpu, Dropout<>, 3, 5, 7>(3);
  check_layer<cpu, Dropout<>, 17, 2, 3>(2);
  check_layer<cpu, Dropout<Probability{0.1f}>, 1, 1, 1>(9);
  check_layer<cpu, Dropout<>, 3, 5, 3, frozen>(2);
  check_layer<cpu, StochasticDepth<Probability{0.5f}>, 3, 5, 7>(5);
  check_layer<cpu, StochasticDepth<Probability{0.1f}>, 17, 1, 1>(9);
  check_layer<cpu, StochasticDepth<Probability{0.5f}>, 3, 5, 3, frozen>(2);
  check_layer<cpu, Upsample<>, 3, 4, 5>(2);
  check_layer<cpu, Upsample<>, 17, 1, 1>(3);
  check_layer<cpu, Upsample<3, 150>, 33, 2, 9>(1);
  check_layer<cpu, Upsample<7, 11>, 2, 3, 4>(2);
  check_layer<cpu, Upsample<2, 3>, 2, 5, 7>(2);
  check_layer<cpu, Reorder, 5, 3, 4>(2);
  check_layer<cpu, Reorder, 33, 37, 53>(1);
  check_layer<cpu, Reorder, 17, 1, 1>(9);
}

}  // namespace
}  // namespace frostline::test::layers_test
