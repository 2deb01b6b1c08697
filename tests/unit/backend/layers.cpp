// SPDX-License-Identifier: MIT
// Every layer of the CPU backend through the gradient checker.
#include "frostline/backend/cpu.hpp"
#include "support/check_layer.hpp"

namespace frostline::test {
namespace {

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

TEST_CASE("a linear layer's gradients are its slopes") {
  check_layer<cpu, Linear<7, 5>, 7, 1, 1>(3);
  check_layer<cpu, Linear<1, 9>, 1, 1, 1>(1);
  check_layer<cpu, Linear<130, 33>, 130, 1, 1>(9);
}

TEST_CASE("a batch norm's gradients are its slopes, with batch and with running statistics") {
  const LayerCheck curved{.step = 1e-2f, .tolerance = 1e-2};
  check_layer<cpu, BatchNorm2d<3>, 3, 5, 4>(4, curved);
  check_layer<cpu, BatchNorm2d<17>, 17, 1, 1>(9, curved);
}

TEST_CASE("layers without parameters have their slopes as gradients") {
  check_layer<cpu, GlobalAveragePool, 5, 3, 4>(3);
  check_layer<cpu, Flatten, 3, 4, 5>(2);
  check_layer<cpu, Add, 3, 4, 5>(2);
  check_layer<cpu, ReLU, 3, 5, 4>(3, {.step = 1e-2f, .gap = 2.5e-2f});
  check_layer<cpu, MaxPool2d<3, 2, 1>, 3, 9, 8>(2, {.step = 1e-2f, .gap = 2.5e-2f});
  check_layer<cpu, MaxPool2d<2>, 2, 7, 5>(3, {.step = 1e-2f, .gap = 2.5e-2f});
  check_layer<cpu, Dropout<>, 3, 5, 7>(3);
  check_layer<cpu, Dropout<Probability{0.1f}>, 1, 1, 1>(9);
  check_layer<cpu, Dropout<>, 3, 5, 3>(2, {.statistics = Statistics::running});
  check_layer<cpu, Upsample<>, 3, 4, 5>(2);
  check_layer<cpu, Upsample<7, 11>, 2, 3, 4>(2);
  check_layer<cpu, Upsample<2, 3>, 2, 5, 7>(2);
}

}  // namespace
}  // namespace frostline::test
