// SPDX-License-Identifier: MIT
// The problems that passes record for wrong models; a valid model has none.
#include "../support/internals.hpp"
#include "frostline/layers/class_token.hpp"
#include "frostline/layers/position_embedding.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/models/squeeze_excitation.hpp"
#include "frostline/program/diagnose.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"
#include "frostline/rewrite/unfreeze.hpp"

namespace frostline::test::problems_test {

using Image = Input<3, 224, 224>;
template <class Model>
constexpr const Problem& problem = traced<Model, Image>.problem;
template <class Model>
constexpr std::string_view problem_path = traced<Model, Image>[problem<Model>.node].path;

static_assert(problem<ResNet18<>>.kind == Problem::nothing);
static_assert(problem<ReplaceHead<ResNet18<>, ClassifierHead<512, 3>>>.kind == Problem::nothing);

using WrongHead = ReplaceHead<ResNet18<>, ClassifierHead<256, 10>>;
static_assert(problem<WrongHead>.kind == Problem::layer_shape);
static_assert(problem_path<WrongHead> == "fc");

using NoLayer5 = Unfreeze<Freeze<ResNet18<>>, "layer4", "layer5">;
static_assert(problem<NoLayer5>.kind == Problem::unknown_name);
static_assert(std::string_view(problem<NoLayer5>.name) == "layer5");
static_assert(std::string_view(problem<NoLayer5>.names) ==
              "conv1 bn1 layer1 layer2 layer3 layer4 fc");
// "layer" is not a name, although names begin with it.
static_assert(problem<Unfreeze<ResNet18<>, "layer">>.kind == Problem::unknown_name);
static_assert(problem<Unfreeze<ResNet18<>, "layer1.0.conv1">>.kind == Problem::nothing);

using Uneven = Residual<Conv2d<3, 8, 3, 2, 1>>;
static_assert(problem<Uneven>.kind == Problem::branch_shapes);
static_assert(problem<SqueezeExcitation<3, 2>>.kind == Problem::nothing);
static_assert(problem<Scaled<GlobalAveragePool>>.kind == Problem::nothing);
static_assert(problem<Scaled<Conv2d<3, 3, 1>>>.kind == Problem::gate_shape);
static_assert(problem<Scaled<Conv2d<3, 3, 1>>>.shape == Shape{3, 224, 224});
static_assert(problem<ReplaceHead<Sequential<ReLU>, ClassifierHead<3, 2>>>.kind ==
              Problem::no_head);
static_assert(problem<Module<Conv2d<3, 3, 1>, Conv2d<3, 3, 1>>>.kind == Problem::equal_keys);
static_assert(problem<Sequential<Conv2d<3, 3, 1>, Conv2d<3, 3, 1>>>.kind == Problem::nothing);
// At one path, layers may have parameters of different names, but not buffers.
using Tokens = Module<ClassToken<3>, PositionEmbedding<3, 1 + 224 * 224>>;
static_assert(problem<Tokens>.kind == Problem::nothing);
struct Counting : Layer {
  static constexpr Shape output(Shape in) { return in; }
  static constexpr TensorSpecs buffers() { return {{vector_spec("count", 1, {})}, 1}; }
};
static_assert(problem<Module<Counting, ReLU>>.kind == Problem::nothing);
static_assert(problem<Module<Counting, Counting>>.kind == Problem::equal_keys);
static_assert(problem<Module<Conv2d<3, 3, 1>, Counting>>.kind == Problem::equal_keys);
static_assert(
    problem<Named<"a-name-that-is-much-longer-than-anybody-would-like-to-read-in-a-table", ReLU>>.kind ==
    Problem::long_path);

template <class T>
constexpr bool is_layer = LayerDeclaration<T>;
static_assert(is_layer<ReLU> && is_layer<Linear<2, 2>> && !is_layer<ResNet18<>> && !is_layer<int>);
static_assert(HasRule<Freeze<ReLU>> && HasRule<Unfreeze<ReLU, "a">> && !HasRule<ResNet18<>>);
static_assert(Conv2d<3, 8, 7, 2, 3>::output({3, 224, 224}) == Shape{8, 112, 112});
// TensorFlow's SAME: ceil(size / stride) outputs, of an odd number of zeros one more at the end.
constexpr Pads same_pads = Conv2d<3, 32, 3, 2, same_padding>::pads({3, 224, 223});
static_assert(same_pads.top == 0 && same_pads.bottom == 1);
static_assert(same_pads.left == 1 && same_pads.right == 1);
static_assert(Conv2d<3, 32, 3, 2, same_padding>::output({3, 224, 223}) == Shape{32, 112, 112});
static_assert(Conv2d<3, 32, 5, 2, same_padding>::output({3, 1, 7}) == Shape{32, 1, 4});
static_assert(!Conv2d<3, 8, 7>::accepts({3, 6, 6}) && Conv2d<3, 8, 7>::accepts({3, 7, 7}));

}  // namespace frostline::test::problems_test
