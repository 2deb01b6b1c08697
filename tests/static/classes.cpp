// SPDX-License-Identifier: MIT
// AtMost: which facts of a network with a bound of classes are constants, and which are not.
#include <functional>

#include "../support/internals.hpp"
#include "frostline/graph/compiled.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"

namespace frostline::test::classes_test {
namespace {

using Image = Input<3, 224, 224>;
template <class Head>
using WithHead = ReplaceHead<Freeze<ResNet18<>>, Head>;
using Late = WithHead<ClassifierHead<512, AtMost<1000>>>;
using Early = WithHead<ClassifierHead<512, 1000>>;
using LateDense = WithHead<FcnHead<512, AtMost<21>>>;

// A head with a constant number of classes has nothing of a bound.
static_assert(std::same_as<ClassifierHead<512, 10>::fc, Linear<512, 10>>);
static_assert(std::same_as<ClassifierHead<512, AtMost<10>>::fc, Bounded<Linear<512, 10>>>);
template <class Model, auto is>
constexpr int bounded = [] {
  int count = 0;
  for (const Node& node : compiled<Model, Image>) count += std::invoke(is, node) ? 1 : 0;
  return count;
}();
static_assert(bounded<Early, &Node::bounded_parameters> == 0);
static_assert(bounded<Early, &Node::bounded_output> == 0);
static_assert(bounded<Late, &Node::bounded_parameters> == 1);
static_assert(bounded<Late, &Node::bounded_output> == 1);
static_assert(bounded<LateDense, &Node::bounded_parameters> == 1);
static_assert(bounded<LateDense, &Node::bounded_output> == 1);

// Memory is planned for the bound.
static_assert(planned<Late, Image>.per_sample.bytes == planned<Early, Image>.per_sample.bytes);
static_assert(laid_out<Late, Image>.trainable_floats == laid_out<Early, Image>.trainable_floats);

// Initial values, such as a convolution's, depend on the number and not on the bound.
static_assert(Conv2d<128, 21, 1>::parameters_for(5)[0].initial.value ==
              Conv2d<128, 5, 1>::parameters()[0].initial.value);
static_assert(Linear<512, 1000>::parameters_for(37)[0].extents[0] == 37);

template <class Model, int Classes>
constexpr auto with = of_classes(traced<Model, Image>, Classes);
// Counts are those of the bound, or of a number.
static_assert(trainable_count<Late, Image>() == 513'000);
static_assert(trainable_count(with<Late, 37>) == 513 * 37);
static_assert(multiply_adds(with<Late, 37>) ==
              multiply_adds<WithHead<ClassifierHead<512, 37>>, Image>());
static_assert(parameter_count(with<LateDense, 5>) ==
              parameter_count<WithHead<FcnHead<512, 5>>, Image>());
static_assert(with<LateDense, 5>[compiled<LateDense, Image>.size - 1].out == Shape{5, 224, 224});

template <int Number>
concept has_bound = requires {
  AtMost<Number>;
};
static_assert(has_bound<1> && !has_bound<0> && !has_bound<-1>);

// Layers that may be Bounded, and layers that may follow.
static_assert(MayBeBounded<Linear<2, 3>> && MayBeBounded<Conv2d<2, 4, 3>>);
static_assert(!MayBeBounded<Conv2d<2, 4, 3, 1, 1, 1, 2>> && !MayBeBounded<ReLU> &&
              !MayBeBounded<BatchNorm2d<3>>);
template <class... Layers>
constexpr const Problem& problem = traced<Sequential<Layers...>, Input<4, 6, 6>>.problem;
using Convolution = Bounded<Conv2d<4, 8, 1>>;
static_assert(problem<Convolution, Upsample<12>>.kind == Problem::nothing);
static_assert(problem<GlobalAveragePool, Bounded<Linear<4, 8>>>.kind == Problem::nothing);
static_assert(problem<GlobalAveragePool, Bounded<ReLU>>.kind == Problem::not_bounded);
static_assert(problem<Bounded<Conv2d<4, 8, 1, 1, 0, 1, 2>>, Upsample<12>>.kind ==
              Problem::not_bounded);
static_assert(problem<Convolution>.kind == Problem::not_bounded);
static_assert(problem<Convolution, ReLU>.kind == Problem::not_bounded);
static_assert(problem<Convolution, ReLU, Upsample<12>>.kind == Problem::not_bounded);
static_assert(problem<Convolution, Upsample<12>, ReLU>.kind == Problem::not_bounded);
static_assert(problem<Convolution, Bounded<Conv2d<8, 8, 1>>, Upsample<12>>.kind ==
              Problem::not_bounded);
static_assert(problem<GlobalAveragePool, Bounded<Linear<4, 8>>, Linear<8, 3>>.kind ==
              Problem::not_bounded);
static_assert(problem<Residual<Convolution, Conv2d<4, 8, 1>>, Upsample<12>>.kind ==
              Problem::not_bounded);

}  // namespace
}  // namespace frostline::test::classes_test
