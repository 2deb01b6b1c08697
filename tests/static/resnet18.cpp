// SPDX-License-Identifier: MIT
// The graph of ResNet-18: its nodes, which gradients they want, what a frozen prefix saves.
#include "../support/internals.hpp"
#include "frostline/graph/compiled.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"
#include "frostline/rewrite/unfreeze.hpp"

namespace frostline::test::resnet18_test {

using Image = Input<3, 224, 224>;
using HeadOnly = ReplaceHead<Freeze<ResNet18<>>, ClassifierHead<512, 10>>;
using Layer4 = Unfreeze<HeadOnly, "layer4", "fc">;
using Drifting = ReplaceHead<Freeze<ResNet18<>, BatchStatistics>, ClassifierHead<512, 10>>;

constexpr const Node& node(const auto& graph, std::string_view path, Kind kind = Kind::other) {
  for (const Node& n : graph)
    if (std::string_view(n.path) == path && (kind == Kind::other || n.kind == kind)) return n;
  throw "no such node";
}

// torchvision's counts.
static_assert(parameter_count<ResNet18<>, Image>() == 11'689'512);
static_assert(parameter_count<ResNet34<>, Image>() == 21'797'672);
static_assert(trainable_count<ResNet18<>, Image>() == 11'689'512);
static_assert(trainable_count<Freeze<ResNet18<>>, Image>() == 0);
static_assert(trainable_count<HeadOnly, Image>() == 5'130);
static_assert(trainable_count<Layer4, Image>() == 8'393'728 + 5'130);
static_assert(multiply_adds<ResNet18<>, Image>() == 1'814'073'344);

// Shapes of layers, also for another size of image.
static_assert(node(traced<ResNet18<>, Image>, "maxpool").out == Shape{64, 56, 56});
static_assert(node(traced<ResNet18<>, Image>, "layer4.1.conv2").out == Shape{512, 7, 7});
static_assert(node(traced<ResNet18<16>, Input<3, 96, 96>>, "layer4.1.conv2").out ==
              Shape{128, 3, 3});

// A frozen prefix has no gradients, and the first trainable layer no input gradient.
constexpr bool prefix_is_idle(const auto& graph, std::string_view until) {
  for (const Node& n : graph) {
    if (std::string_view(n.path) == until) return true;
    if (n.has_backward()) return false;
  }
  return false;
}
static_assert(prefix_is_idle(compiled<HeadOnly, Image>, "fc"));
static_assert(prefix_is_idle(compiled<Layer4, Image>, "layer4.0.conv1"));
static_assert(!prefix_is_idle(compiled<ResNet18<>, Image>, "fc"));
static_assert(node(compiled<HeadOnly, Image>, "fc").parameter_gradient);
static_assert(!node(compiled<HeadOnly, Image>, "fc").wants_any_input_gradient());
static_assert(!node(compiled<Layer4, Image>, "layer4.0.conv1").wants_any_input_gradient());
static_assert(node(compiled<Layer4, Image>, "layer4.0.conv2").wants_any_input_gradient());
static_assert(!node(compiled<ResNet18<>, Image>, "conv1").wants_any_input_gradient());

// A frozen layer after a trainable one has only an input gradient.
using FrozenTail = Unfreeze<Freeze<ResNet18<>>, "conv1">;
static_assert(node(compiled<FrozenTail, Image>, "layer4.1.conv2").wants_any_input_gradient());
static_assert(!node(compiled<FrozenTail, Image>, "layer4.1.conv2").parameter_gradient);
static_assert(!node(compiled<FrozenTail, Image>, "layer4.1.conv2").backward_reads().input);
static_assert(!node(compiled<FrozenTail, Image>, "layer4.1.bn2").backward_reads().saved);

// No gradient and no saved byte in a frozen prefix; the positive control has millions.
constexpr std::size_t bytes_for_backward(const auto& graph, const auto& plan,
                                         std::string_view until) {
  std::size_t bytes = 0;
  for (int i = 1; i < graph.size && std::string_view(graph[i].path) != until; ++i)
    bytes += saved_bytes(graph, plan, i) + plan.saved_fixed[i].used() * plan.saved_fixed[i].bytes +
             plan.gradients[i].used() * plan.gradients[i].bytes;
  return bytes;
}
static_assert(bytes_for_backward(compiled<HeadOnly, Image>, planned<HeadOnly, Image>, "avgpool") ==
              0);
static_assert(bytes_for_backward(compiled<Layer4, Image>, planned<Layer4, Image>,
                                 "layer4.0.conv1") == 0);
static_assert(bytes_for_backward(compiled<ResNet18<>, Image>, planned<ResNet18<>, Image>,
                                 "layer4.0.conv1") > 10'000'000);
// One image's values while the head trains: three of the largest, as the stem needs two at once
// and each block of the first stage three small ones.
static_assert(planned<HeadOnly, Image>.per_sample.bytes <
              4 * (64 * 56 * 56 * sizeof(float)) + 64 * 112 * 112 * sizeof(float));

// Batch norm, residual sum and ReLU are folded where all is frozen with running statistics.
static_assert(node(compiled<HeadOnly, Image>, "conv1").batch_norm != no_node);
static_assert(node(compiled<HeadOnly, Image>, "conv1").rectifier == Rectifier::relu);
static_assert(node(compiled<HeadOnly, Image>, "layer1.0.conv2").added != no_node);
static_assert(node(compiled<HeadOnly, Image>, "layer2.0.downsample.0").added != no_node);
static_assert(node(compiled<HeadOnly, Image>, "layer2.0.conv2").added == no_node);
static_assert(scheduled<HeadOnly, Image>.loss == 20 + 1 + 2);  // convolutions, max pool, head
static_assert(node(compiled<Drifting, Image>, "conv1").batch_norm == no_node);
static_assert(node(compiled<Drifting, Image>, "bn1").statistics == Statistics::batch);
static_assert(node(compiled<ResNet18<>, Image>, "conv1").batch_norm == no_node);

// The outermost rule wins, and a new head trains although everything inside is frozen.
static_assert(trainable_count<Freeze<Unfreeze<Freeze<ResNet18<>>, "fc">>, Image>() == 0);
static_assert(trainable_count<Freeze<HeadOnly>, Image>() == 0);
static_assert(trainable_count<ReplaceHead<Unfreeze<Freeze<ResNet18<>>, "layer4", "fc">,
                                          ClassifierHead<512, 10>>,
                              Image>() == 8'393'728 + 5'130);
static_assert(node(traced<HeadOnly, Image>, "fc").is_new);
static_assert(!node(traced<ResNet18<64, ClassifierHead<512, 10>>, Image>, "fc").is_new);
static_assert(trainable_count<ReplaceHead<HeadOnly, ClassifierHead<512, 3>>, Image>() == 1'539);

// A backbone without its head ends where the head began.
static_assert(traced<Backbone<ResNet18<>>, Image>[traced<Backbone<ResNet18<>>, Image>.size - 1]
                  .out == Shape{512, 7, 7});
static_assert(parameter_count<Backbone<ResNet18<>>, Image>() == 11'176'512);

// A dense head gives logits for each pixel of the network's input.
using Segmenter = ReplaceHead<Freeze<ResNet18<>>, FcnHead<512, 21>>;
static_assert(node(traced<Segmenter, Image>, "upsample").out == Shape{21, 224, 224});
static_assert(node(traced<Segmenter, Image>, "classifier.4").out == Shape{21, 7, 7});

}  // namespace frostline::test::resnet18_test
