// SPDX-License-Identifier: MIT
// The cut: the features of a model, which training does not change, end there.
#include "../support/internals.hpp"
#include "frostline/graph/compiled.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"
#include "frostline/rewrite/unfreeze.hpp"

namespace frostline::test::cut_test {

using Image = Input<3, 224, 224>;
using HeadOnly = ReplaceHead<Freeze<ResNet18<>>, ClassifierHead<512, 10>>;
using Layer4 = Unfreeze<HeadOnly, "layer4", "fc">;
using LastBlock = Unfreeze<HeadOnly, "layer4.1", "fc">;
using InsideBlock = Unfreeze<HeadOnly, "layer4.1.conv2", "fc">;
using Shortcut = Unfreeze<HeadOnly, "layer3.0.downsample">;
using Norms = ReplaceHead<Freeze<ResNet18<>, BatchStatistics>, ClassifierHead<512, 10>>;
using Dense = ReplaceHead<Freeze<ResNet18<>>, FcnHead<512, 21>>;

template <class Model, class In = Image>
constexpr int cut = scheduled<Model, In>.cut;
/// The node whose value is the features; the network's input if there are none.
template <class Model, class In = Image>
constexpr Node features = compiled<Model, In>[cut<Model, In> ? scheduled<Model, In>.features : 0];
template <class Model, class In = Image>
constexpr std::string_view last_path = features<Model, In>.path;

// Nothing before the cut trains, and everything that trains comes after it.
template <class Model, class In = Image>
constexpr bool sound() {
  const auto& graph = compiled<Model, In>;
  const auto& steps = scheduled<Model, In>;
  std::size_t after = 0;
  for (int s = 0; s < steps.loss; ++s) {
    const Node& node = graph[steps[s].node];
    if (s < steps.cut && (node.trains() || node.has_backward())) return false;
    if (s >= steps.cut && node.trains()) after += node.parameters;
  }
  for (int s = steps.loss + 1; s < steps.size; ++s)
    for (int k = 0; k < steps.cut; ++k)
      if (steps[s].node == steps[k].node) return false;
  return after == trainable_count<Model, In>();
}
static_assert(sound<HeadOnly>() && sound<Layer4>() && sound<LastBlock>() && sound<InsideBlock>());
static_assert(sound<Shortcut>() && sound<Dense>() && sound<Norms>());
static_assert(sound<ReplaceHead<Freeze<ResNet34<>>, ClassifierHead<512, 2>>>());

// The head's pooling is also cached; a cut is at the beginning of a block, never inside.
static_assert(last_path<HeadOnly> == "avgpool");
static_assert(features<HeadOnly>.out == Shape{512, 1, 1});
static_assert(cut<HeadOnly> == scheduled<HeadOnly, Image>.loss - 1);
static_assert(last_path<Layer4> == "layer3.1.relu");
static_assert(features<Layer4>.out == Shape{256, 14, 14});
static_assert(features<Layer4, Input<3, 96, 80>>.out == Shape{256, 6, 5});
static_assert(last_path<LastBlock> == "layer4.0.relu");
static_assert(last_path<InsideBlock> == "layer4.0.relu");
static_assert(last_path<Shortcut> == "layer2.1.relu");
static_assert(last_path<Dense> == "layer4.1.relu");
static_assert(last_path<Unfreeze<HeadOnly, "bn1">> == "conv1");

// Values that differ between passes are not cached: batch statistics, active dropout.
static_assert(last_path<Norms> == "conv1");
using Dropping =
    Sequential<Frozen<Conv2d<3, 8, 3>>, Dropout<>, ReLU, Named<"last", Conv2d<8, 2, 1>>>;
static_assert(last_path<Dropping> == "0");
using Still = Sequential<Frozen<Sequential<Conv2d<3, 8, 3>, Dropout<>>>, ReLU, Conv2d<8, 2, 1>>;
static_assert(last_path<Still> == "1");
struct Counting : Layer {  // a user's own layer that keeps statistics
  static constexpr Shape output(Shape in) { return in; }
  static constexpr TensorSpecs buffers() {
    return {{vector_spec("seen", 1, {Initial::constant, 0})}, 1};
  }
};
static_assert(cut<Module<ReLU, Named<"n", Counting>, Conv2d<3, 2, 1>>> == 1);
static_assert(cut<Module<ReLU, Frozen<Counting>, Conv2d<3, 2, 1>>> == 2);

// No layer before the cut, or none after it: then the features are the network's outputs.
static_assert(cut<ResNet18<>> == 0);
static_assert(cut<Sequential<Conv2d<3, 2, 1>, Frozen<Conv2d<2, 2, 1>>>> == 0);
using Inference = Freeze<ResNet18<>>;
static_assert(cut<Inference> == scheduled<Inference, Image>.loss);
static_assert(last_path<Inference> == "fc");
static_assert(last_path<Freeze<ResNet18<>, BatchStatistics>> == "fc");

// A value that a later shortcut also reads keeps the cut before it.
using Branches = Sequential<Frozen<Conv2d<3, 4, 1>>,
                            Residual<Sequential<Frozen<Conv2d<4, 4, 1>>, Conv2d<4, 4, 1>>>>;
static_assert(last_path<Branches> == "0" && cut<Branches> == 1);

}  // namespace frostline::test::cut_test
