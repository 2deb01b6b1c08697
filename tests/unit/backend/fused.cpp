// SPDX-License-Identifier: MIT
// Frozen convolutions that absorb batch norm, residual sum, ReLU and pooling, with each algorithm,
// against the same layers one by one.
#include <algorithm>

#include "frostline/backend/cpu.hpp"
#include "frostline/core/model.hpp"
#include "frostline/models/heads.hpp"
#include "frostline/network/network.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "support/catch.hpp"
#include "support/random.hpp"
#include "support/relative_error.hpp"

namespace frostline::test::fused_test {
namespace {

/// Random weights and statistics, the same in both.
template <class One, class Other>
void scatter(One& one, Other& other) {
  for (const NamedTensor& tensor : one.tensors()) {
    if (tensor.type != ElementType::f32) continue;
    const bool variance = tensor.key.ends_with("running_var");
    const std::vector<float> values =
        random_floats(tensor.size, variance ? 0.5f : -0.5f, variance ? 1.5f : 0.5f);
    one.write(tensor, std::span<const float>(values));
    other.write(other.tensor(tensor.key), std::span<const float>(values));
  }
}

template <class Model, class In, class Options = Balanced>
std::vector<float> check_fused(int batch, float range = 1) {
  Network<Freeze<Model>, In, cpu, Options> frozen{max_batch(batch)};
  Network<Model, In, cpu, Options> trainable{max_batch(batch)};
  scatter(trainable, frozen);
  const auto images = random_floats(std::size_t(batch) * In::shape.size(), -range, range);
  const std::span<const float> outputs = frozen.predict(images);
  REQUIRE(relative_error(outputs, trainable.predict(images)) <= 1e-5);
  return {outputs.begin(), outputs.end()};
}
/// Images whose values the ReLU6s cut off.
template <class Model, class In>
void check_up_to_6(int batch, float range = 40) {
  for (const auto& outputs :
       {check_fused<Model, In>(batch, range), check_fused<Model, In, DirectOnly>(batch, range)})
    REQUIRE(std::ranges::count(outputs, 6.0f) > 0);
}
template <class Model, class In>
void check_algorithms(int batch) {
  check_fused<Model, In>(batch);
  check_fused<Model, In, Fastest>(batch);
  check_fused<Model, In, DirectOnly>(batch);
}

template <int In, int Out, int Stride>
using Block = Residual<Sequential<Conv2d<In, Out, 3, Stride, 1, 1, 1, false>, BatchNorm2d<Out>,
                                  ReLU, Conv2d<Out, Out, 3, 1, 1, 1, 1, false>, BatchNorm2d<Out>>,
                       Sequential<Conv2d<In, Out, 1, Stride, 0, 1, 1, false>, BatchNorm2d<Out>>>;
template <int Stride>
using Blocks = Sequential<Conv2d<3, 17, 3, 1, 1>, ReLU, Block<17, 33, Stride>, ReLU>;
using Norm = BatchNorm2d<17, NormConstants{.epsilon = 0.5f}>;
template <int Size, int Stride>
using UpTo6 = Sequential<Conv2d<3, 17, Size, Stride, Size / 2>, BatchNorm2d<17>, ReLU6,
                         Residual<Sequential<Conv2d<17, 17, 3, 1, 1>, BatchNorm2d<17>>>, ReLU6>;
/// Depthwise convolutions; a ragged number of channels, and a residual sum.
template <int Size, int Stride, int Padding>
using DepthwiseUpTo6 =
    Sequential<Conv2d<3, 19, 1>, Conv2d<19, 19, Size, Stride, Padding, 1, 19>, BatchNorm2d<19>,
               ReLU6, Residual<Sequential<Conv2d<19, 19, 3, 1, 1, 1, 19, false>, BatchNorm2d<19>>>,
               ReLU6>;
using OwnEpsilon = Sequential<Conv2d<3, 17, 3, 1, 1>, Norm, ReLU, Conv2d<17, 17, 1>, Norm>;
template <int Size, int Stride>
using Entrance = Sequential<Conv2d<3, 19, Size, Stride, Size / 2, 1, 1, false>, BatchNorm2d<19>,
                            ReLU, MaxPool2d<3, 2, 1>>;
template <int Size, int Stride>
using Sum = Residual<Conv2d<3, 19, Size, Stride, Size / 2>, Conv2d<3, 19, Size, Stride, Size / 2>>;
template <int Size, int Stride>
using SumAtEntrance = Sequential<Sum<Size, Stride>, ReLU, MaxPool2d<3, 2, 1>>;

}  // namespace

TEST_CASE("blocks of frozen convolutions absorb the layers after them") {
  check_algorithms<Blocks<1>, Input<3, 13, 11>>(3);
  check_algorithms<Blocks<2>, Input<3, 13, 11>>(3);
  check_algorithms<Blocks<2>, Input<3, 30, 37>>(1);
  check_algorithms<Blocks<1>, Input<3, 7, 1>>(7);
  check_algorithms<Blocks<1>, Input<3, 1, 30>>(2);  // a row has no border
  check_algorithms<Blocks<2>, Input<3, 2, 30>>(2);
}

TEST_CASE("a frozen convolution absorbs a batch norm with the batch norm's own epsilon") {
  check_algorithms<OwnEpsilon, Input<3, 13, 11>>(2);
}

TEST_CASE("a frozen convolution absorbs a ReLU6") {
  check_up_to_6<UpTo6<3, 1>, Input<3, 13, 11>>(2);
  check_up_to_6<UpTo6<7, 2>, Input<3, 37, 53>>(2);
  check_up_to_6<Sequential<Conv2d<4, 6, 3, 1, 1, 1, 2>, ReLU6>, Input<4, 13, 11>>(2);
  check_up_to_6<DepthwiseUpTo6<3, 2, 1>, Input<3, 13, 31>>(3, 400);
  check_up_to_6<DepthwiseUpTo6<5, 1, same_padding>, Input<3, 3, 1>>(9, 400);
  check_up_to_6<DepthwiseUpTo6<5, 2, same_padding>, Input<3, 14, 12>>(3, 400);
}

TEST_CASE("a frozen convolution of the image absorbs the layers after it, also pooling") {
  check_algorithms<Entrance<7, 2>, Input<3, 37, 53>>(2);
  check_algorithms<Entrance<5, 1>, Input<3, 9, 11>>(2);
  check_algorithms<Entrance<7, 2>, Input<3, 3, 37>>(2);  // ends as a row
  check_algorithms<Entrance<5, 1>, Input<3, 1, 30>>(2);
  check_algorithms<SumAtEntrance<7, 2>, Input<3, 37, 53>>(2);
  check_algorithms<SumAtEntrance<5, 1>, Input<3, 9, 11>>(2);
}

}  // namespace frostline::test::fused_test
