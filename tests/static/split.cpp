// SPDX-License-Identifier: MIT
// Split: where models are cut, and that both parts keep their paths, rules and shapes.
#include "frostline/rewrite/split.hpp"

#include "frostline/graph/compiled.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"
#include "frostline/rewrite/unfreeze.hpp"

namespace frostline::test {

using Image = Input<3, 224, 224>;
using HeadOnly = ReplaceHead<Freeze<ResNet18<>>, ClassifierHead<512, 10>>;
using Layer4 = Unfreeze<HeadOnly, "layer4", "fc">;
using LastBlock = Unfreeze<HeadOnly, "layer4.1", "fc">;
using InsideBlock = Unfreeze<HeadOnly, "layer4.1.conv2", "fc">;
using Shortcut = Unfreeze<HeadOnly, "layer3.0.downsample">;
using Norms = ReplaceHead<Freeze<ResNet18<>, BatchStatistics>, ClassifierHead<512, 10>>;
using Dense = ReplaceHead<Freeze<ResNet18<>>, FcnHead<512, 21>>;

template <class Model, class In = Image>
constexpr auto prefix = traced<typename Split<Model>::prefix, In>;
template <class Model, class In = Image>
constexpr Shape features = prefix<Model, In>[prefix<Model, In>.size - 1].out;
template <class Model, class In = Image>
using Features =
    Input<features<Model, In>.channels, features<Model, In>.height, features<Model, In>.width>;
template <class Model, class In = Image>
constexpr auto rest = traced<RestOf<typename Split<Model>::rest, In>, Features<Model, In>>;

// Both parts together are the whole: every path, shape, rule and mark, in the same order.
constexpr bool same(const Node& a, const Node& b) {
  return std::string_view(a.path) == std::string_view(b.path) && a.kind == b.kind && a.in == b.in &&
         a.out == b.out && a.parameters == b.parameters && a.frozen == b.frozen &&
         a.is_new == b.is_new && a.statistics == b.statistics;
}
template <class Model, class In = Image>
constexpr bool whole() {
  constexpr auto& all = traced<Model, In>;
  constexpr auto& first = prefix<Model, In>;
  constexpr auto& second = rest<Model, In>;
  if (first.size + second.size != all.size + 1) return false;
  if (first.problem.kind != Problem::nothing || second.problem.kind != Problem::nothing)
    return false;
  for (int i = 1; i < all.size; ++i)
    if (!same(all[i], i < first.size ? first[i] : second[i - first.size + 1])) return false;
  for (int i = 1; i < first.size; ++i)
    if (first[i].trains()) return false;
  return true;
}
static_assert(whole<HeadOnly>() && whole<Layer4>() && whole<LastBlock>() && whole<InsideBlock>());
static_assert(whole<Shortcut>() && whole<Dense>());
static_assert(whole<HeadOnly, Input<3, 96, 80>>() && whole<Layer4, Input<3, 96, 80>>());
static_assert(whole<ReplaceHead<Freeze<ResNet34<>>, ClassifierHead<512, 2>>>());

// The head's pooling is cached too; a block is cut at its beginning, never inside.
constexpr std::string_view last_path(const auto& graph) { return graph[graph.size - 1].path; }
static_assert(last_path(prefix<HeadOnly>) == "avgpool");
static_assert(features<HeadOnly> == Shape{512, 1, 1});
static_assert(rest<HeadOnly>.size == 2 && last_path(rest<HeadOnly>) == "fc");
static_assert(last_path(prefix<Layer4>) == "layer3.1.relu");
static_assert(features<Layer4> == Shape{256, 14, 14});
static_assert(last_path(prefix<LastBlock>) == "layer4.0.relu");
static_assert(std::string_view(rest<LastBlock>[1].path) == "layer4.1.conv1");
static_assert(last_path(prefix<InsideBlock>) == "layer4.0.relu");
static_assert(rest<InsideBlock>[1].frozen && !rest<InsideBlock>[4].frozen);
static_assert(last_path(prefix<Shortcut>) == "layer2.1.relu");
static_assert(last_path(prefix<Dense>) == "layer4.1.relu");
static_assert(last_path(prefix<Unfreeze<HeadOnly, "bn1">>) == "conv1");

// What trains and what is counted stays.
template <class Model>
constexpr std::size_t rest_trains() {
  std::size_t count = 0;
  for (const Node& node : rest<Model>) count += node.trains() ? node.parameters : 0;
  return count;
}
static_assert(rest_trains<HeadOnly>() == 5'130);
static_assert(rest_trains<Layer4>() == trainable_count<Layer4, Image>());
static_assert(rest_trains<Shortcut>() == trainable_count<Shortcut, Image>());

// The rest of a dense head still goes to the size of the images.
static_assert(rest<Dense>[rest<Dense>.size - 1].out == Shape{21, 224, 224});

// A part's numbers are those of the whole Sequential, however long it is.
using Deep =
    Sequential<ReLU, ReLU, ReLU, ReLU, ReLU, ReLU, ReLU, ReLU, ReLU, Frozen<Conv2d<3, 3, 1>>,
               Frozen<Conv2d<3, 4, 1>>, Named<"x", ReLU>, Conv2d<4, 5, 1>, ReLU>;
static_assert(whole<Deep>() && last_path(prefix<Deep>) == "x");
static_assert(std::string_view(rest<Deep>[1].path) == "12");
static_assert(std::string_view(prefix<Deep>[10].path) == "9");
static_assert(last_path(rest<Deep>) == "13");

// What differs from pass to pass is not cached: batch statistics, active dropout.
static_assert(last_path(prefix<Norms>) == "conv1");
using Dropping =
    Sequential<Frozen<Conv2d<3, 8, 3>>, Dropout<>, ReLU, Named<"last", Conv2d<8, 2, 1>>>;
static_assert(last_path(prefix<Dropping>) == "0" && whole<Dropping>());
using Still = Sequential<Frozen<Sequential<Conv2d<3, 8, 3>, Dropout<>>>, ReLU, Conv2d<8, 2, 1>>;
static_assert(last_path(prefix<Still>) == "1" && whole<Still>());
struct Counting : Layer {  // a layer of one's own that keeps statistics
  static constexpr Shape output(Shape in) { return in; }
  static constexpr TensorSpecs buffers() {
    return {{vector_spec("seen", 1, {Initial::constant, 0})}, 1};
  }
};
static_assert(last_path(prefix<Module<ReLU, Named<"n", Counting>, Conv2d<3, 2, 1>>>) == "");
static_assert(Split<Module<ReLU, Named<"n", Counting>, Conv2d<3, 2, 1>>>::cut.layers == 1);
static_assert(Split<Module<ReLU, Frozen<Counting>, Conv2d<3, 2, 1>>>::cut.layers == 2);

// Nothing in front, or nothing behind.
static_assert(!Split<ResNet18<>>::has_prefix && Split<ResNet18<>>::rest_trains);
static_assert(traced<Split<ResNet18<>>::prefix, Image>.size == 1);
static_assert(whole<ResNet18<>>());
static_assert(std::string_view(Split<ResNet18<>>::cut.moving) == "conv1");
using Inference = Freeze<ResNet18<>>;
static_assert(Split<Inference>::has_prefix && !Split<Inference>::rest_trains);
static_assert(prefix<Inference>.size == traced<Inference, Image>.size);
static_assert(Split<Freeze<ResNet18<>, BatchStatistics>>::has_prefix);
static_assert(!Split<Freeze<ResNet18<>, BatchStatistics>>::rest_trains);

// The rest still declares its head.
using OtherHead = ReplaceHead<Split<Layer4>::rest, ClassifierHead<512, 3>>;
static_assert(last_path(traced<OtherHead, Features<Layer4>>) == "fc");
static_assert(traced<OtherHead, Features<Layer4>>.problem.kind == Problem::nothing);

// A name that covers nothing is still a problem, in the part that misses it and in the whole.
using NoLayer5 = Unfreeze<HeadOnly, "layer4", "layer5">;
static_assert(prefix<NoLayer5>.problem.kind == Problem::unknown_name);
static_assert(prefix<Layer4>.problem.kind == Problem::nothing);

}  // namespace frostline::test
