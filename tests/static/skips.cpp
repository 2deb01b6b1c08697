// SPDX-License-Identifier: MIT
// OutputOf and UpsampleTo: which value they read, gradients, memory, and names that do not exist.
#include "../support/internals.hpp"
#include "frostline/graph/compiled.hpp"
#include "frostline/models/deeplab.hpp"
#include "frostline/models/heads.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/models/unet.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"

namespace frostline::test::skips_test {

using Image = Input<3, 72, 48>;  // of which layer4's output has 3x2 pixels, and layer3's 5x3
using Encoder = ResNet18<8>;
using Decoder = UNetHead<64, 5, Skip<"layer3", 32, 16>, Skip<"layer1", 8, 12>>;
using UNet = ReplaceHead<Freeze<Encoder>, Decoder>;

template <class Model>
constexpr int find(std::string_view path) {
  for (int i = 1; i < traced<Model, Image>.size; ++i)
    if (std::string_view(traced<Model, Image>[i].path) == path) return i;
  return no_node;
}
constexpr const auto& graph = traced<UNet, Image>;
static_assert(graph.problem.kind == Problem::nothing);
// The stage is read where it ends, and sets the size of what is joined with it.
constexpr int norm = find<UNet>("decoder.blocks.0.skip.norm");
static_assert(std::string_view(graph[graph[norm].inputs[0]].path) == "layer3.1.relu");
static_assert(std::string_view(graph[graph[norm].inputs[0] + 1].path) == "layer4.0.conv1");
constexpr Node upsampled = graph[find<UNet>("decoder.blocks.0.0")];
static_assert(upsampled.in == Shape{16, 3, 2} && upsampled.out == Shape{16, 5, 3});
static_assert(graph[find<UNet>("decoder.blocks.1.conv1.0")].in == Shape{16 + 8, 18, 12});
static_assert(graph[graph.outputs[0].node].out == Shape{5, 72, 48});

// Frozen stages have no gradients, whatever reads them, and their values live until that.
constexpr int bytes_of(std::string_view stage) {
  const auto& compiled_graph = compiled<UNet, Image>;
  int bytes = 0;
  for (int i = 1; i < compiled_graph.size; ++i)
    if (covers(stage, compiled_graph[i].path))
      bytes += int(planned<UNet, Image>.gradients[i].used()) + compiled_graph[i].has_backward();
  return bytes;
}
static_assert(bytes_of("layer1") == 0 && bytes_of("layer3") == 0 && bytes_of("decoder") > 0);
// Where stages train, the decoder and two layers of the next stage give them gradients: one
// assigns, two add.
using Everything = ReplaceHead<Encoder, Decoder>;
constexpr const auto& trained = compiled<Everything, Image>;
constexpr int adding(std::string_view stage) {
  int count = 0;
  for (int i = 1; i < trained.size; ++i)
    for (int k = 0; k < trained[i].input_count; ++k)
      count += std::string_view(trained[trained[i].inputs[k]].path) == stage && trained[i].adds[k];
  return count;
}
static_assert(adding("layer3.1.relu") == 2 && adding("layer1.1.relu") == 2);
static_assert(adding("layer2.1.relu") == 1 && adding("layer4.1.relu") == 0);

// Names count from the module that holds the head, so a model may stand inside another.
using Nested = Module<Named<
    "backbone",
    Module<Named<"a", Conv2d<3, 4, 3, 2, 1>>, Named<"b", Conv2d<4, 6, 3, 2, 1>>,
           Head<Module<Concat<UpsampleTo<"a">, OutputOf<"a">>, Named<"c", Conv2d<10, 2, 1>>>>>>>;
static_assert(traced<Nested, Image>.problem.kind == Problem::nothing);
static_assert(traced<Nested, Image>[traced<Nested, Image>.outputs[0].node].out == Shape{2, 36, 24});
// A later layer, or a parameter, is no earlier layer.
using Later = Module<Named<"a", Conv2d<3, 4, 1>>, OutputOf<"b">, Named<"b", Conv2d<4, 4, 1>>>;
static_assert(traced<Later, Image>.problem.kind == Problem::unknown_name);
static_assert(std::string_view(traced<Later, Image>.problem.name) == "b");
using Unknown = Module<Named<"a", Conv2d<3, 4, 1>>, UpsampleTo<"a.weight">>;
static_assert(traced<Unknown, Image>.problem.kind == Problem::unknown_name);
// A module that is not finished has no output: not within a Concat, whose width is not known yet,
// and not in a decoder that reads itself. The message lists no such module.
using Unfinished = Module<Named<"a", Conv2d<3, 4, 1>>,
                          Named<"j", Concat<Named<"b", Conv2d<4, 4, 1>>, OutputOf<"j">>>>;
static_assert(traced<Unfinished, Image>.problem.kind == Problem::unknown_name);
constexpr std::string_view listed(const Problem& problem) {
  return {problem.names, std::size_t(problem.names_size)};
}
static_assert(listed(traced<Unfinished, Image>.problem) == "a");
using Finished = Module<Named<"a", Conv2d<3, 4, 1>>,
                        Named<"j", Concat<Named<"b", Conv2d<4, 4, 1>>, OutputOf<"j.b">>>>;
static_assert(traced<Finished, Image>.problem.kind == Problem::nothing);
using OfItself = ReplaceHead<Encoder, UNetHead<64, 5, Skip<"decoder", 16, 16>>>;
static_assert(traced<OfItself, Image>.problem.kind == Problem::unknown_name);
static_assert(listed(traced<OfItself, Image>.problem) == "conv1 bn1 layer1 layer2 layer3 layer4");
// A layer on which no output depends has no gradient, so there is none.
using Unread =
    Module<Named<"a", Conv2d<3, 4, 1>>, Named<"b", Conv2d<4, 4, 1>>, OutputOf<"a">, ReLU>;
static_assert(traced<Unread, Image>.problem.kind == Problem::unread);
static_assert(std::string_view(traced<Unread, Image>[traced<Unread, Image>.problem.node].path) ==
              "b");
using FromLayer2 = Module<OutputOf<"layer2">, ClassifierHead<16, 5>>;
using CutOff = ReplaceHead<Encoder, FromLayer2>;
static_assert(traced<CutOff, Image>.problem.kind == Problem::unread);
// What a module gives may be another's output.
using Ends = Module<Named<"a", Conv2d<3, 4, 1>>,
                    Named<"m", Module<Named<"b", Conv2d<4, 5, 1>>, OutputOf<"a">>>,
                    Named<"c", Conv2d<4, 2, 1>>, Concat<Identity, OutputOf<"m">, OutputOf<"m.b">>>;
static_assert(traced<Ends, Image>.problem.kind == Problem::nothing);
static_assert(traced<Ends, Image>[traced<Ends, Image>.outputs[0].node].out.channels == 2 + 4 + 5);
static_assert(std::string_view(traced<Ends, Image>[find<Ends>("c")].path) == "c" &&
              std::string_view(
                  traced<Ends, Image>[traced<Ends, Image>[find<Ends>("c")].inputs[0]].path) == "a");
// As many as there are.
using End = Module<Named<"b", Conv2d<4, 4, 1>>, OutputOf<"a">>;
using Nine =
    Module<Named<"a", Conv2d<3, 4, 1>>, Named<"m1", End>, Named<"m2", End>, Named<"m3", End>,
           Named<"m4", End>, Named<"m5", End>, Named<"m6", End>, Named<"m7", End>, Named<"m8", End>,
           Named<"m9", End>, Concat<OutputOf<"m1.b">, OutputOf<"m9.b">, OutputOf<"m9">>>;
static_assert(traced<Nine, Image>.problem.kind == Problem::unread);  // m8.b, and not before
static_assert(std::string_view(traced<Nine, Image>[traced<Nine, Image>.problem.node].path) ==
              "m8.b");
// UpsampleTo does not shrink: the deepest stage comes first.
using Reversed =
    ReplaceHead<Encoder, UNetHead<64, 5, Skip<"layer1", 8, 16>, Skip<"layer3", 32, 12>>>;
static_assert(traced<Reversed, Image>.problem.kind == Problem::layer_shape);
// A stage of other channels than Skip says is an error of its batch norm.
using Wrong = ReplaceHead<Encoder, UNetHead<64, 5, Skip<"layer3", 64, 16>>>;
static_assert(traced<Wrong, Image>.problem.kind == Problem::layer_shape);
static_assert(std::string_view(traced<Wrong, Image>[traced<Wrong, Image>.problem.node].path) ==
              "decoder.blocks.0.skip.norm");

// torchvision's names and shapes; the mean of the image takes the size of the features.
using DeepLab = ReplaceHead<Encoder, DeepLabHead<64, AtMost<21>, AtrousRates{1, 2, 3}, 32>>;
static_assert(traced<DeepLab, Image>.problem.kind == Problem::nothing);
constexpr const auto& pyramid = traced<DeepLab, Image>;
static_assert(pyramid[find<DeepLab>("classifier.0.convs.4.4")].out == Shape{32, 3, 2});
static_assert(pyramid[find<DeepLab>("classifier.0.project.0")].in == Shape{160, 3, 2});
static_assert(pyramid[find<DeepLab>("classifier.4")].out == Shape{21, 3, 2});

}  // namespace frostline::test::skips_test
