// SPDX-License-Identifier: MIT
// The grammar of models: how layers are joined, named and marked; concepts for the passes.
#pragma once

#include <concepts>
#include <string_view>
#include <type_traits>

#include "frostline/core/fixed_string.hpp"
#include "frostline/core/layer.hpp"

namespace frostline {

/// Layers one after another. As in PyTorch, a layer without a name is named by its position:
/// `Sequential<Linear<8, 4>, ReLU, Linear<4, 2>>` owns `0.weight`, `0.bias`, `2.weight`, `2.bias`.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html
template <class... Layers>
struct Sequential {};

/// Layers one after another, as the attributes of a PyTorch module of your own: each is
/// usually `Named`; one without a name adds nothing to the path.
template <class... Layers>
struct Module {};

/// A layer with a name, which becomes a part of its path and of its parameters' keys:
/// `Named<"fc", Linear<512, 10>>` owns `fc.weight` and `fc.bias`.
template <detail::FixedString Name, class NamedLayer>
struct Named {
  static constexpr std::string_view name = Name;
  using layer = NamedLayer;
};

/// Returns its input; it is no node of the graph.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.Identity.html
struct Identity {};

/// Main(x) + Shortcut(x), of one shape. Main adds nothing to the path; a shortcut without a name is
/// "shortcut".
template <class Main, class Shortcut = Identity>
struct Residual {};

/// x * Gate(x): each channel of x is multiplied by its own number. Gate adds nothing to the path.
/// Shapes: {C, H, W} to the same; a Gate that does not give {C, 1, 1} is a compile error.
/// Source: Hu et al. 2018, https://arxiv.org/abs/1709.01507 (models/squeeze_excitation.hpp)
template <class Gate>
struct Scaled {};

/// Joins the outputs of branches along their channels: torch.cat(outputs, dim=1). All branches read
/// the same input.
/// As in Sequential, a branch without a name is named by its position. With an Identity as a branch
/// the input itself is part of the output, as in DenseNet:
/// `Concat<Identity, Named<"denselayer1", ...>>`.
/// Shapes: {C, H, W} to {C_1 + C_2 + ..., H', W'} of branches that give {C_1, H', W'}, ...;
/// another height or width is a compile error.
/// Source: https://pytorch.org/docs/stable/generated/torch.cat.html
template <class First, class... More>
struct Concat {};

/// The output of an earlier layer, the one of this name: a skip connection. It is no node of the
/// graph, and does not read what the layer before it gives. The name counts from the module that
/// holds the head, or outside a head from the beginning of the model; an unknown one, or one of a
/// module that this is a part of, is a compile error. `Concat<Conv2d<64, 32, 1>,
/// OutputOf<"layer1">>` joins the two. Shapes: anything to {C, H, W} of that layer. In a backward
/// its gradient gets added to that of the layer's other readers. Source: Ronneberger et al. 2015,
/// https://arxiv.org/abs/1505.04597
template <detail::FixedString Name>
struct OutputOf {
  static constexpr std::string_view output_of = Name;
};

/// Upsample to the height and width of an earlier layer's output; the name is found as OutputOf's.
/// A smaller output is a compile error.
/// Shapes: {C, H, W} to {C, H', W'} of that layer's {C', H', W'}.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
template <detail::FixedString Name>
struct UpsampleTo {
  static constexpr std::string_view size_of = Name;
};

/// Marks a model's head, as one of the layers of the model's Module: ReplaceHead replaces it.
template <class HeadLayer>
struct Head {
  using model = HeadLayer;
};

/// The weight of an auxiliary output's loss; the main output's loss has weight 1.
struct LossWeight {
  float value;
};

/// A branch that reads the output of the layer of this name. Its own output is used only in
/// training: its loss, with the same labels, is added with a weight. The layers after it read the
/// same value as without the branch. The name counts from the module in which Auxiliary stands; in
/// a head without a name of its own that is the backbone's: `Auxiliary<"layer3",
/// Named<"aux_classifier", ...>>`. Source: https://pytorch.org/vision/stable/models/fcn.html
/// (aux_loss), Szegedy et al. 2014
template <detail::FixedString Name, class BranchLayer, LossWeight Weight = LossWeight{0.5f}>
struct Auxiliary {
  static_assert(Weight.value > 0 && Weight.value < 1e30f,
                "frostline: Auxiliary requires a weight above 0 that is finite");
  static constexpr std::string_view reads = Name;
  static constexpr float weight = Weight.value;
  using branch = BranchLayer;
};

}  // namespace frostline

namespace frostline::detail {

/// An upper bound of a number of classes that is known only at run time.
enum class UpperBound : int {};  // as a class, nvcc would lose it among template arguments
template <int Number>
concept PositiveNumberOfClasses = (Number > 0);

}  // namespace frostline::detail

namespace frostline {

/// `ClassifierHead<512, AtMost<1000>>` and `FcnHead<512, AtMost<21>>`: the network is planned at
/// compile time for so many classes, and made, computed, loaded and saved for a number of them:
/// `Network{max_batch(5), classes(37)}`. It takes the memory of the bound and the arithmetic of the
/// number, except for the last convolution of FcnHead.
template <int Bound>
requires detail::PositiveNumberOfClasses<Bound>
inline constexpr detail::UpperBound AtMost{Bound};

/// A layer whose output channels are classes, and whose own number of them is an upper bound. It
/// must be the last layer with parameters: a Linear at the end of the model, or a Conv2d of one
/// group that only an Upsample may follow.
template <class BoundedLayer>
struct Bounded {};

}  // namespace frostline

namespace frostline::detail {

template <class T>
concept MayBeBounded = requires {
  T::parameters_for(1);
};

/// The largest number of classes of a head: the constant, or the bound.
constexpr int most_of(int classes) { return classes; }
constexpr int most_of(UpperBound classes) { return int(classes); }
/// The layer that gives the classes: Bounded if their number is a bound.
template <auto Classes, class Layer>
using GivesClasses = std::conditional_t<std::integral<decltype(Classes)>, Layer, Bounded<Layer>>;

// Concepts by which the passes tell models apart.

template <class T>
concept HasName = requires {
  T::name;
  typename T::layer;
};

template <class T>
concept HasBranch = requires {
  T::reads;
  typename T::branch;
};

template <class T>
concept IsOutputOf = requires {
  T::output_of;
};
template <class T>
concept IsUpsampleTo = requires {
  T::size_of;
};

/// Models and rewrites of models are struct templates with a member type `model`.
template <class T>
concept HasModel = requires {
  typename T::model;
};

/// A leaf of a model: it becomes a node of the graph.
template <class T>
concept LayerDeclaration = std::derived_from<T, Layer>;

}  // namespace frostline::detail
