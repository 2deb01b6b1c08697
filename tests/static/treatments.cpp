// SPDX-License-Identifier: MIT
// Rules for single parameters, biases and norms: trainable parameters, and bytes in memory.
#include "../support/internals.hpp"
#include "frostline/graph/compiled.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/rewrite/fixed_statistics.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"
#include "frostline/rewrite/train_only.hpp"
#include "frostline/rewrite/unfreeze.hpp"

namespace frostline::test::treatments_test {

using Image = Input<3, 224, 224>;
using Frozen18 = Freeze<ResNet18<>>;

template <class Model, class In = Image>
constexpr const Node& node(std::string_view path) {
  for (const Node& n : compiled<Model, In>)
    if (std::string_view(n.path) == path) return n;
  throw "no such node";
}
template <class Model, class In = Image>
constexpr std::size_t saved() {
  std::size_t bytes = 0;
  for (int i = 1; i < compiled<Model, In>.size; ++i)
    bytes += saved_bytes(compiled<Model, In>, planned<Model, In>, i) +
             planned<Model, In>.saved_fixed[i].used() * planned<Model, In>.saved_fixed[i].bytes;
  return bytes;
}

// Only one tensor trains, and its layer uses the same statistics as before.
using OneBias = Unfreeze<Frozen18, "layer4.1.bn2.bias">;
static_assert(trainable_count<OneBias, Image>() == 512);
static_assert(laid_out<OneBias, Image>.trainable_floats == 512);
static_assert(laid_out<OneBias, Image>.frozen_floats ==
              laid_out<Frozen18, Image>.frozen_floats - 512);
static_assert(!node<OneBias>("layer4.1.bn2").parameter[0].trains);
static_assert(node<OneBias>("layer4.1.bn2").parameter[1].trains);
static_assert(node<OneBias>("layer4.1.bn2").statistics == Statistics::running);
static_assert(
    node<Unfreeze<Freeze<ResNet18<>, BatchStatistics>, "layer4.1.bn2.bias">>("layer4.1.bn2")
        .statistics == Statistics::batch);
static_assert(node<Unfreeze<Frozen18, "layer4.1.bn2">>("layer4.1.bn2").statistics ==
              Statistics::batch);
static_assert(trainable_count<Unfreeze<Frozen18, "fc.weight">, Image>() == 512'000);
static_assert(trainable_count<Unfreeze<Frozen18, "fc.weight", "conv1.weight">, Image>() ==
              512'000 + 9'408);
static_assert(trainable_count<Unfreeze<Freeze<Linear<6, 3>>, "bias">, Input<6, 1, 1>>() == 3);

// The outermost rule that sets a field wins, field by field.
static_assert(trainable_count<Freeze<OneBias>, Image>() == 0);
static_assert(trainable_count<Unfreeze<OneBias, "layer4.1.bn2.weight">, Image>() == 1'024);
using StillNorms = FixedStatistics<ResNet18<>>;  // sets only the statistics
static_assert(trainable_count<StillNorms, Image>() == trainable_count<ResNet18<>, Image>());
static_assert(node<StillNorms>("bn1").statistics == Statistics::running);
static_assert(node<Unfreeze<StillNorms, "bn1">>("bn1").statistics == Statistics::batch);
static_assert(trainable_count<FixedStatistics<Linear<6, 3>>, Input<6, 1, 1>>() == 21);  // no norms

// The bias of a frozen batch norm needs only what the ReLUs after it read; its weight also the
// batch norm's input.
constexpr std::size_t map_bytes = 512 * 7 * 7 * sizeof(float);
static_assert(saved<OneBias>() == map_bytes);
static_assert(saved<Unfreeze<Frozen18, "layer4.1.bn2.weight">>() == 2 * map_bytes);
static_assert(!node<OneBias>("layer4.1.bn2").backward_reads().input);

// Parts of a model.
using OnlyBiases = TrainOnly<ResNet18<>, Biases>;
using OnlyNorms = TrainOnly<ResNet18<>, Norms>;
static_assert(trainable_count<OnlyBiases, Image>() == 4'800 + 1'000);
static_assert(trainable_count<OnlyNorms, Image>() == 9'600);
static_assert(node<OnlyBiases>("bn1").statistics == Statistics::running);
static_assert(node<TrainOnly<ResNet18<>, Biases, BatchStatistics>>("bn1").statistics ==
              Statistics::batch);
static_assert(node<OnlyNorms>("bn1").statistics == Statistics::batch);
static_assert(laid_out<OnlyBiases, Image>.trainable_floats == 4'800 + 1'008);  // whole lines
static_assert(laid_out<OnlyNorms, Image>.trainable_floats == 9'600);
// Biases save less than half of what training the whole network saves: no input of
// a convolution or of a batch norm, only what ReLUs and pooling read.
static_assert(2 * saved<OnlyBiases>() < saved<ResNet18<>>());
static_assert(saved<OnlyNorms>() < saved<ResNet18<>>());
// A new head trains as a whole outside TrainOnly, and in part inside.
using Head10 = ClassifierHead<512, 10>;
static_assert(trainable_count<ReplaceHead<OnlyBiases, Head10>, Image>() == 4'800 + 5'130);
static_assert(trainable_count<TrainOnly<ReplaceHead<ResNet18<>, Head10>, Biases>, Image>() ==
              4'800 + 10);

// The bias of a convolution or a linear layer needs no saved input; its weight does.
using Two = Freeze<Sequential<Conv2d<3, 8, 3, 1, 1>, Conv2d<8, 4, 1>>>;
using Square = Input<3, 16, 16>;
static_assert(saved<Unfreeze<Two, "1.bias">, Square>() == 0);
static_assert(saved<Unfreeze<Two, "0.bias">, Square>() == 0);
static_assert(saved<Unfreeze<Two, "1.weight">, Square>() == 8 * 16 * 16 * sizeof(float));
static_assert(laid_out<Unfreeze<Two, "1.bias">, Square>.trainable_floats == 16);
static_assert(laid_out<Unfreeze<Two, "1.weight">, Square>.trainable_floats == 32);
using Rows = Freeze<Sequential<Linear<96, 32>, Linear<32, 8>>>;
static_assert(saved<Unfreeze<Rows, "1.bias">, Input<96, 1, 1>>() == 0);
static_assert(saved<Unfreeze<Rows, "1.weight">, Input<96, 1, 1>>() == 32 * sizeof(float));

// No layer before the trainable ones has gradients.
static_assert(!node<OneBias>("layer4.1.conv2").has_backward());
static_assert(!node<OneBias>("layer4.1.bn2").wants_any_input_gradient());
static_assert(node<OnlyBiases>("layer4.1.conv2").wants_any_input_gradient());
static_assert(!node<OnlyBiases>("layer4.1.conv2").parameter_gradient);

// A name that covers no tensor is a problem, which lists the names at the point where it fails.
template <class Model>
constexpr const Problem& problem = traced<Model, Image>.problem;
template <class Model>
constexpr std::string_view near_names{problem<Model>.names, problem<Model>.names_size};
using Misspelt = Unfreeze<Frozen18, "layer4.1.bn2.bais">;
static_assert(problem<Misspelt>.kind == Problem::unknown_name);
static_assert(near_names<Misspelt> == "layer4.1.bn2.weight layer4.1.bn2.bias");
static_assert(near_names<Unfreeze<Frozen18, "layer4.2">> == "layer4.0 layer4.1");
static_assert(near_names<Unfreeze<Frozen18, "bn1.running_mean">> == "bn1.weight bn1.bias");
static_assert(near_names<Unfreeze<Frozen18, "layer1.0.con1">> ==
              "layer1.0.conv1 layer1.0.bn1 layer1.0.conv2 layer1.0.bn2");
using NoNorms = TrainOnly<Sequential<Conv2d<3, 4, 1>, ReLU>, Norms>;
static_assert(problem<NoNorms>.kind == Problem::no_such_part);
static_assert(std::string_view(problem<NoNorms>.name) == "norms");
// A bias that only the replaced head had is no problem.
using Headed = Module<Named<"a", Conv2d<3, 4, 1, 1, 0, 1, 1, false>>, Head<Conv2d<4, 2, 1>>>;
static_assert(problem<ReplaceHead<TrainOnly<Headed, Biases>, Conv2d<4, 3, 1>>>.kind ==
              Problem::nothing);

}  // namespace frostline::test::treatments_test
