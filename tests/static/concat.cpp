// SPDX-License-Identifier: MIT
// Concat: shapes, paths, gradients, bytes, and what a model whose branches do not fit records.
#include "../support/internals.hpp"
#include "frostline/graph/compiled.hpp"
#include "frostline/layers/batch_norm2d.hpp"
#include "frostline/layers/conv2d.hpp"
#include "frostline/layers/linear.hpp"
#include "frostline/layers/max_pool2d.hpp"
#include "frostline/layers/relu.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/unfreeze.hpp"

namespace frostline::test::concat_test {

using Picture = Input<3, 8, 6>;
template <int In, int Out, int Kernel = 1>
using Unit = Sequential<Conv2d<In, Out, Kernel, 1, Kernel / 2>, BatchNorm2d<Out>, ReLU>;
/// As one of GoogLeNet's blocks.
using Inception = Concat<Named<"branch1", Unit<4, 16>>, Named<"branch2", Unit<4, 8, 3>>,
                         Named<"branch3", Module<MaxPool2d<3, 1, 1>, Unit<4, 4>>>>;
using Model = Module<Named<"stem", Conv2d<3, 4, 3, 1, 1>>, Named<"block", Inception>>;
/// As DenseNet's: a value and what two layers add to it.
using Dense = Sequential<Conv2d<3, 4, 1>, Concat<Identity, Named<"layer1", Conv2d<4, 2, 3, 1, 1>>>,
                         Concat<Identity, Conv2d<6, 3, 1>>>;

template <class M>
constexpr Shape output = traced<M, Picture>[traced<M, Picture>.outputs[0].node].out;
static_assert(output<Model> == Shape{28, 8, 6});
static_assert(output<Dense> == Shape{9, 8, 6});
static_assert(output<Concat<Identity>> == Shape{3, 8, 6});
static_assert(output<Concat<Identity, Concat<Identity, ReLU>>> == Shape{9, 8, 6});
static_assert(parameter_count<Model, Picture>() ==
              3 * 4 * 9 + 4 + (4 * 16 + 16) + (4 * 8 * 9 + 8) + (4 * 4 + 4) + 2 * (16 + 8 + 4));

template <class M>
constexpr int layers_at(std::string_view path) {
  int count = 0;
  for (const Node& node : traced<M, Picture>) count += std::string_view(node.path) == path;
  return count;
}
static_assert(layers_at<Model>("block.branch3.0") == 1 && layers_at<Model>("block") == 3);
static_assert(layers_at<Dense>("1.layer1") == 1 && layers_at<Dense>("2.1") == 1);

/// The layers that put the branches of `block` into its value.
template <class M>
constexpr Node copy_of(int branch) {
  for (const Node& node : compiled<M, Picture>)
    if (node.kind == Kind::concat && branch-- == 0) return node;
  return Node{};
}
static_assert(copy_of<Model>(0).first_channel == 0 && copy_of<Model>(1).first_channel == 16);
static_assert(copy_of<Model>(2).first_channel == 24 && copy_of<Model>(2).in == Shape{4, 8, 6});

// A frozen branch beside trainable ones costs nothing: no gradient, no bytes.
using OneFrozen =
    Module<Named<"stem", Frozen<Conv2d<3, 4, 3, 1, 1>>>,
           Named<"block", Concat<Named<"one", Unit<4, 16>>, Named<"two", Frozen<Unit<4, 8, 3>>>>>>;
using NoneFrozen =
    Module<Named<"stem", Frozen<Conv2d<3, 4, 3, 1, 1>>>,
           Named<"block", Concat<Named<"one", Unit<4, 16>>, Named<"two", Unit<4, 8, 3>>>>>;
template <class M>
constexpr std::size_t backward_bytes(std::string_view under) {
  const auto& graph = compiled<M, Picture>;
  const auto& plan = planned<M, Picture>;
  std::size_t bytes = 0;
  for (int i = 1; i < graph.size; ++i)
    if (covers(under, graph[i].path))
      bytes +=
          saved_bytes(graph, plan, i) + (plan.gradients[i].used() ? plan.gradients[i].bytes : 0);
  return bytes;
}
template <class M>
constexpr int backward_steps(std::string_view under) {
  int count = 0;
  const auto& schedule = scheduled<M, Picture>;
  for (int s = schedule.backward; s < schedule.size; ++s)
    count += covers(under, compiled<M, Picture>[schedule[s].node].path);
  return count;
}
static_assert(backward_bytes<OneFrozen>("block.two") == 0);
static_assert(backward_steps<OneFrozen>("block.two") == 0);
static_assert(!copy_of<OneFrozen>(1).has_backward() && copy_of<OneFrozen>(1).has_gradient);
static_assert(copy_of<OneFrozen>(0).has_backward());
static_assert(backward_bytes<OneFrozen>("block.one") > 0);  // the same search finds what there is
static_assert(backward_bytes<NoneFrozen>("block.two") > 0);
static_assert(backward_steps<NoneFrozen>("block.two") > 0 && copy_of<NoneFrozen>(1).has_backward());

// The value has one place and one gradient; the branches' are gone before the backward.
template <class M>
constexpr int owners() {
  int count = 0;
  for (int i = 1; i < compiled<M, Picture>.size; ++i)
    if (compiled<M, Picture>[i].kind == Kind::concat)
      count += planned<M, Picture>.activations[i].used() + planned<M, Picture>.gradients[i].used();
  return count;
}
static_assert(owners<Model>() == 2 && owners<Freeze<Model>>() == 1 && owners<Dense>() == 4);

// Convolutions do the work of what follows them up to the Concat, which stays.
template <class M>
constexpr int absorbed() {
  int count = 0;
  for (const Node& node : compiled<M, Picture>)
    count += node.absorbed_by != no_node && node.kind != Kind::concat;
  return count;
}
static_assert(absorbed<Freeze<Model>>() == 6 && absorbed<Model>() == 0);

// Features may end at a Concat, never inside.
using Head = Module<Freeze<Model>, Named<"last", Conv2d<28, 2, 1>>>;
static_assert(compiled<Head, Picture>[scheduled<Head, Picture>.features].kind == Kind::concat);
static_assert(compiled<Head, Picture>[scheduled<Head, Picture>.features].out.channels == 28);
using Inside = Unfreeze<Freeze<Model>, "block.branch2">;
static_assert(compiled<Inside, Picture>[scheduled<Inside, Picture>.features].path.size == 4);

// An auxiliary output within a branch.
using Within = Concat<
    Named<"a", Module<Named<"x", Conv2d<3, 4, 1>>, Auxiliary<"x", Named<"y", Conv2d<4, 9, 1>>>>>,
    Conv2d<3, 5, 1>>;
static_assert(traced<Within, Picture>.problem.kind == Problem::nothing);
static_assert(traced<Within, Picture>.output_count == 2 && output<Within> == Shape{9, 8, 6});
static_assert(traced<Within, Picture>[traced<Within, Picture>.outputs[1].node].path.size == 3);
static_assert(copy_of<Within>(0).in.channels == 4 && copy_of<Within>(0).inputs[0] == 1);

using Uneven = Concat<Conv2d<3, 4, 1>, Conv2d<3, 4, 3, 2, 1>>;
static_assert(traced<Uneven, Picture>.problem.kind == Problem::concat_shapes);
static_assert(traced<Uneven, Picture>.problem.branch == 1);
static_assert(traced<Concat<Identity, ReLU>, Picture>.problem.kind == Problem::nothing);
using Bounds = Concat<Bounded<Conv2d<3, 4, 1>>, Conv2d<3, 4, 1>>;
static_assert(traced<Bounds, Picture>.problem.kind == Problem::not_bounded);

}  // namespace frostline::test::concat_test
