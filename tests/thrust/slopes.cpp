// SPDX-License-Identifier: MIT
// Every layer of the Thrust backend through the gradient checker.
#include "frostline/layers/pointwise_linear.hpp"
#include "frostline/thrust.hpp"
#include "support/check_layer.hpp"

namespace frostline::test::slopes_test {

TEST_CASE("gradients of layers with parameters are slopes") {
  constexpr Situation frozen{.frozen = true};
  const LayerCheck curved{.step = 1e-2f, .tolerance = 1e-2};
  check_layer<thrust_backend, Conv2d<3, 4, 3, 1, 1>, 3, 5, 7>(2);
  check_layer<thrust_backend, Conv2d<6, 4, 3, 2, 1, 1, 2>, 6, 7, 6>(2);
  check_layer<thrust_backend, Conv2d<2, 3, 3, 1, 2, 2>, 2, 6, 5>(2);
  check_layer<thrust_backend, Conv2d<5, 3, 1>, 5, 3, 4>(2);
  check_layer<thrust_backend, Linear<17, 31>, 17, 1, 1>(7);
  check_layer<thrust_backend, BatchNorm2d<3>, 3, 5, 4>(4, curved);
  check_layer<thrust_backend, BatchNorm2d<17>, 17, 1, 1>(9, curved);
  check_layer<thrust_backend, BatchNorm2d<5>, 5, 3, 4, frozen>(3);
  check_layer<thrust_backend, PointwiseLinear<5, 3>, 5, 3, 4>(2);
  check_layer<thrust_backend, LayerNorm2d<3, Epsilon{0.5f}>, 3, 5, 4>(4, curved);
  check_layer<thrust_backend, LayerNorm2d<17>, 17, 1, 1>(9, curved);
  check_layer<thrust_backend, LayerScale<5>, 5, 3, 4>(2);
  check_layer<thrust_backend, ClassToken<5>, 5, 3, 4>(2);
  check_layer<thrust_backend, PositionEmbedding<5, 7>, 5, 1, 7>(3);
}

TEST_CASE("gradients of layers without parameters are slopes") {
  constexpr Situation frozen{.frozen = true};
  const LayerCheck kinked{.step = 1e-2f, .gap = 2.5e-2f};
  check_layer<thrust_backend, GlobalAveragePool, 5, 3, 4>(3);
  check_layer<thrust_backend, Flatten, 3, 4, 5>(2);
  check_layer<thrust_backend, Add, 3, 4, 5>(2);
  check_layer<thrust_backend, Scale, 3, 4, 5>(2);
  check_layer<thrust_backend, Sigmoid, 3, 4, 5>(2, {.step = 1e-2f});
  check_layer<thrust_backend, SiLU, 3, 4, 5>(2, {.step = 1e-2f});
  check_layer<thrust_backend, GELU, 3, 4, 5>(2, {.step = 1e-2f});
  check_layer<thrust_backend, Hardswish, 3, 4, 5>(2, {.step = 1e-2f});
  check_layer<thrust_backend, Hardsigmoid, 3, 4, 5>(2, {.step = 1e-2f});
  check_layer<thrust_backend, AvgPool2d<3, 2, 1>, 3, 9, 8>(2);
  check_layer<thrust_backend, AvgPool2d<2, 3, 1>, 33, 4, 7>(1);
  check_layer<thrust_backend, ReLU, 3, 5, 4>(3, kinked);
  check_layer<thrust_backend, MaxPool2d<3, 2, 1>, 3, 9, 8>(2, kinked);
  check_layer<thrust_backend, MaxPool2d<2, 3, 1>, 33, 4, 7>(1, kinked);
  check_layer<thrust_backend, MaxPool2d<5, 1, 2>, 5, 6, 3>(2, kinked);
  check_layer<thrust_backend, Dropout<>, 3, 5, 7>(3);
  check_layer<thrust_backend, Dropout<>, 3, 5, 3, frozen>(2);
  check_layer<thrust_backend, StochasticDepth<Probability{0.5f}>, 3, 5, 7>(5);
  const LayerCheck curved{.step = 1e-2f, .tolerance = 1e-2};
  check_layer<thrust_backend, FirstToken, 5, 1, 7>(3);
  check_layer<thrust_backend, ScaledDotProductAttention<3>, 18, 1, 7>(2, curved);
  check_layer<thrust_backend, ScaledDotProductAttention<1>, 9, 1, 1>(3, curved);
  check_layer<thrust_backend, Upsample<>, 3, 4, 5>(2);
  check_layer<thrust_backend, Upsample<7, 11>, 2, 3, 4>(2);
  check_layer<thrust_backend, Upsample<2, 3>, 2, 5, 7>(2);
}

}  // namespace frostline::test::slopes_test
