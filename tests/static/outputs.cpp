// SPDX-License-Identifier: MIT
// Auxiliary outputs: their inputs, the steps that an evaluation skips, the end of features.
#include "../support/internals.hpp"
#include "frostline/graph/compiled.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"
#include "frostline/rewrite/unfreeze.hpp"

namespace frostline::test::outputs_test {

using Image = Input<3, 64, 48>;
using Segmenter = ReplaceHead<ResNet18<>, AuxiliaryFcnHead<512, 21>>;
using Plain = ReplaceHead<ResNet18<>, FcnHead<512, 21>>;
using HeadOnly = ReplaceHead<Freeze<ResNet18<>>, AuxiliaryFcnHead<512, 21>>;

constexpr auto& graph = compiled<Segmenter, Image>;
static_assert(graph.problem.kind == Problem::nothing && graph.output_count == 2);
constexpr Node main_output = graph[graph.outputs[0].node], other = graph[graph.outputs[1].node];
static_assert(std::string_view(main_output.path) == "upsample" && graph.outputs[0].weight == 1);
static_assert(std::string_view(other.path) == "aux_upsample" && graph.outputs[1].weight == 0.5f);
static_assert(main_output.out == Shape{21, 64, 48} && other.out == main_output.out);

constexpr int find(std::string_view path) {
  for (int i = graph.size - 1; i > 0; --i)
    if (std::string_view(graph[i].path) == path) return i;
  return no_node;
}
static_assert(graph[find("aux_classifier.0")].inputs[0] == find("layer3.1.relu"));
static_assert(graph[find("classifier.0")].inputs[0] == find("layer4.1.relu"));
// Layer4, its shortcut and the branch read one value: one assigns its gradient, two add.
static_assert(graph[find("aux_classifier.0")].input_gradient[0]);
static_assert(graph[find("aux_classifier.0")].adds[0] + graph[find("layer4.0.conv1")].adds[0] +
                  graph[find("layer4.0.downsample.0")].adds[0] ==
              2);

// An evaluation skips exactly the branch's steps.
constexpr int auxiliary_steps = [] {
  int count = 0;
  const auto& steps = scheduled<Segmenter, Image>;
  for (int s = 0; s < steps.loss; ++s) {
    const std::string_view path = graph[steps[s].node].path;
    if (steps[s].auxiliary != path.starts_with("aux_")) return -1;
    count += steps[s].auxiliary;
  }
  return count;
}();
static_assert(auxiliary_steps == 6);
static_assert(scheduled<Segmenter, Image>.loss == scheduled<Plain, Image>.loss + auxiliary_steps);
static_assert(scheduled<Segmenter, Image>.backward == scheduled<Segmenter, Image>.loss + 2);

// If everything before the head is frozen, features end at the last point at which only one value
// is read later.
static_assert(
    std::string_view(compiled<HeadOnly, Image>[scheduled<HeadOnly, Image>.features].path) ==
    "layer3.1.relu");

// A head without a branch replaces one with a branch.
using Replaced = ReplaceHead<Segmenter, FcnHead<512, 3>>;
static_assert(traced<Replaced, Image>.output_count == 1);
static_assert(traced<Replaced, Image>.replaced_count == 2);  // classifier and aux_classifier

// No other node writes an output that another layer reads.
using Early =
    Freeze<Module<Named<"a", Conv2d<3, 4, 1>>, Named<"b", ReLU>, Auxiliary<"a", Named<"c", ReLU>>>>;
static_assert(compiled<Early, Image>.output_count == 2);
using Read = Module<Named<"a", Conv2d<3, 4, 1>>, Auxiliary<"a", Named<"c", ReLU>>>;
static_assert(compiled<Freeze<Read>, Image>[1].output == 1);  // the ReLU is not absorbed
static_assert(compiled<Freeze<Read>, Image>[2].absorbed_by == no_node);
static_assert(compiled<Read, Image>[2].adds[0]);  // to the gradient that the loss has assigned

// A loss reads what an earlier step wrote: features end before all outputs.
using PartlyAuxiliary = Unfreeze<Freeze<Segmenter>, "aux_classifier.4">;
static_assert(
    std::string_view(compiled<PartlyAuxiliary, Image>[scheduled<PartlyAuxiliary, Image>.features]
                         .path) == "layer3.1.relu");
// If nothing trains, they are the network's output, not the last node's.
static_assert(scheduled<Freeze<Segmenter>, Image>.features ==
              compiled<Freeze<Segmenter>, Image>.outputs[0].node);

// Two outputs need two values, and a branch inside a stage is not part of the stage.
using Shared = Module<Named<"a", Conv2d<3, 4, 1>>, Auxiliary<"a", Identity>>;
static_assert(traced<Shared, Image>.problem.kind == Problem::shared_output);
using Stage = Named<"s", Module<Named<"a", Conv2d<3, 4, 1>>, Auxiliary<"a", Named<"x", ReLU>>>>;
using Nested = Module<Stage, Auxiliary<"s", Named<"y", ReLU>>, Named<"z", ReLU>>;
static_assert(traced<Nested, Image>[3].inputs[0] == 1);

// A user's own layer that draws random numbers ends the features before it.
struct Noise : Layer {
  static constexpr bool varies_in_training = true;
  static constexpr Shape output(Shape in) { return in; }
};
using Noisy = Module<Named<"a", Frozen<Conv2d<3, 4, 1>>>, Named<"n", Noise>, Conv2d<4, 2, 1>>;
static_assert(std::string_view(compiled<Noisy, Image>[scheduled<Noisy, Image>.features].path) ==
              "a");

}  // namespace frostline::test::outputs_test
