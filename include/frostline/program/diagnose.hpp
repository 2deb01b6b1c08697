// SPDX-License-Identifier: MIT
// Diagnose: a compile error whose first line has the facts.
#pragma once

#include "frostline/program/step_table.hpp"

namespace frostline::detail {

template <char... Text>
struct at {};
template <char... Text>
struct name {};
template <char... Text>
struct names_are {};
template <int Channels, int Height, int Width>
struct gets {};
template <int Channels, int Height, int Width>
struct main_gives {};
template <int Channels, int Height, int Width>
struct shortcut_gives {};
template <int Number>
struct number_of_branch {};
template <int Channels, int Height, int Width>
struct branch_gives {};
template <int Channels, int Height, int Width>
struct first_branch_gives {};
template <int Channels, int Height, int Width>
struct gate_gives {};
template <int Channels, int Height, int Width>
struct auxiliary_gives {};
template <int Channels, int Height, int Width>
struct network_gives {};

// These types are never defined: their names, which consist of facts only, are the error messages.
template <class Layer, class At, class Gets>
struct layer_cannot_take_its_input;
template <class Layer, class At>
struct layer_has_no_second_input;
template <class At, class Main, class Shortcut>
struct branches_differ;
template <class At, class Gets, class Gate>
struct gate_has_wrong_shape;
template <class At, class Branch, class Gives, class First>
struct branches_cannot_be_joined;
template <class At, class Auxiliary, class Main>
struct outputs_differ;
template <int Most>
struct more_outputs_than;
template <class At>
struct two_outputs_are_the_value_of;
template <class Name, class Names>
struct no_layer_has_this;
template <class Part>
struct model_has_none_of_these;
template <class At>
struct path_is_too_long;
template <class At>
struct two_layers_own_the_same_keys_at;
template <class At>
struct model_declares_no_head;
template <class At>
struct breaks_the_bound_of_classes;
template <class At>
struct no_output_depends_on_the_layer;
template <class Layer, class Backend>
struct no_kernel_computes_this_layer;
template <class At>
struct no_frozen_layer_before;
struct nothing_wrong {};

/// Problem `Kind` of a model as a type.
template <class Model, class In, Problem::Kind Kind>
struct Facts {
  static constexpr Problem problem = traced<Model, In>.problem;
  static constexpr int bad = problem.node < traced<Model, In>.size ? problem.node : 0;
  static constexpr Node node = traced<Model, In>[bad];

  template <std::size_t... K>
  static at<node.path.text[K]...> path(std::index_sequence<K...>);
  template <std::size_t... K>
  static name<problem.name.text[K]...> wanted(std::index_sequence<K...>);
  template <std::size_t... K>
  static names_are<problem.names[K]...> known(std::index_sequence<K...>);
  using At = decltype(path(std::make_index_sequence<node.path.size>{}));

  static constexpr auto find() {
    if constexpr (Kind == Problem::layer_shape)
      return (layer_cannot_take_its_input<
              Leaf<Model, node.layer>, At,
              gets<node.in.channels, node.in.height, node.in.width>>*)nullptr;
    else if constexpr (Kind == Problem::second_input)
      return (layer_has_no_second_input<Leaf<Model, node.layer>, At>*)nullptr;
    else if constexpr (Kind == Problem::branch_shapes)
      return (branches_differ<At, main_gives<node.in.channels, node.in.height, node.in.width>,
                              shortcut_gives<problem.shape.channels, problem.shape.height,
                                             problem.shape.width>>*)nullptr;
    else if constexpr (Kind == Problem::gate_shape)
      return (gate_has_wrong_shape<At, gets<node.in.channels, node.in.height, node.in.width>,
                                   gate_gives<problem.shape.channels, problem.shape.height,
                                              problem.shape.width>>*)nullptr;
    else if constexpr (Kind == Problem::concat_shapes)
      return (
          branches_cannot_be_joined<At, number_of_branch<problem.branch>,
                                    branch_gives<node.in.channels, node.in.height, node.in.width>,
                                    first_branch_gives<problem.shape.channels, problem.shape.height,
                                                       problem.shape.width>>*)nullptr;
    else if constexpr (Kind == Problem::auxiliary_shape)
      return (
          outputs_differ<At, auxiliary_gives<node.out.channels, node.out.height, node.out.width>,
                         network_gives<problem.shape.channels, problem.shape.height,
                                       problem.shape.width>>*)nullptr;
    else if constexpr (Kind == Problem::many_auxiliaries)
      return (more_outputs_than<Graph<1>::max_outputs>*)nullptr;
    else if constexpr (Kind == Problem::shared_output)
      return (two_outputs_are_the_value_of<At>*)nullptr;
    else if constexpr (Kind == Problem::unknown_name)
      return (no_layer_has_this<decltype(wanted(std::make_index_sequence<problem.name.size>{})),
                                decltype(known(
                                    std::make_index_sequence<problem.names_size>{}))>*)nullptr;
    else if constexpr (Kind == Problem::no_such_part)
      return (model_has_none_of_these<decltype(wanted(
                  std::make_index_sequence<problem.name.size>{}))>*)nullptr;
    else if constexpr (Kind == Problem::no_head)
      return (model_declares_no_head<At>*)nullptr;
    else if constexpr (Kind == Problem::long_path)
      return (path_is_too_long<At>*)nullptr;
    else if constexpr (Kind == Problem::not_bounded)
      return (breaks_the_bound_of_classes<At>*)nullptr;
    else if constexpr (Kind == Problem::unread)
      return (no_output_depends_on_the_layer<At>*)nullptr;
    else
      return (two_layers_own_the_same_keys_at<At>*)nullptr;
  }
  using type = std::remove_pointer_t<decltype(find())>;
};

template <class Facts>
inline constexpr bool buildable = false;
template <>
inline constexpr bool buildable<nothing_wrong> = true;

template <class Facts>
struct Diagnose {
  static_assert(buildable<Facts>, "frostline: Network requires layers that fit each other");
};
template <class Layer, class At, class Gets>
struct Diagnose<layer_cannot_take_its_input<Layer, At, Gets>> {
  static_assert(buildable<layer_cannot_take_its_input<Layer, At, Gets>>,
                "frostline: Network requires layers that take what the layer before them gives; "
                "change this layer's sizes to the shape that it gets {channels, height, width}");
};
template <class At, class Main, class Shortcut>
struct Diagnose<branches_differ<At, Main, Shortcut>> {
  static_assert(buildable<branches_differ<At, Main, Shortcut>>,
                "frostline: Residual requires branches that give one shape; "
                "give the shortcut the main branch's stride and channels");
};
template <class Layer, class At>
struct Diagnose<layer_has_no_second_input<Layer, At>> {
  static_assert(
      buildable<layer_has_no_second_input<Layer, At>>,
      "frostline: Network requires layers with one input; only Residual and Scaled give a "
      "layer (Add, Scale) a second one");
};
template <class At, class Gets, class Gate>
struct Diagnose<gate_has_wrong_shape<At, Gets, Gate>> {
  static_assert(
      buildable<gate_has_wrong_shape<At, Gets, Gate>>,
      "frostline: Scaled requires a gate that gives {channels, 1, 1}, with the channels "
      "that Scaled gets; begin it with GlobalAveragePool and give its last layer that many "
      "channels");
};
template <class At, class Branch, class Gives, class First>
struct Diagnose<branches_cannot_be_joined<At, Branch, Gives, First>> {
  static_assert(
      buildable<branches_cannot_be_joined<At, Branch, Gives, First>>,
      "frostline: Concat requires branches that give one height and width, since it joins "
      "channels; change the strides or paddings of the branch number_of_branch (0 is the first)");
};
template <class At, class Auxiliary, class Main>
struct Diagnose<outputs_differ<At, Auxiliary, Main>> {
  static_assert(
      buildable<outputs_differ<At, Auxiliary, Main>>,
      "frostline: Auxiliary requires a branch that gives the network's output shape, since "
      "its loss is of the same labels; change its last layers");
};
template <int Most>
struct Diagnose<more_outputs_than<Most>> {
  static_assert(buildable<more_outputs_than<Most>>,
                "frostline: Network requires fewer Auxiliary branches");
};
template <class At>
struct Diagnose<two_outputs_are_the_value_of<At>> {
  static_assert(buildable<two_outputs_are_the_value_of<At>>,
                "frostline: Auxiliary requires a branch with a layer of its own, since each output "
                "has a gradient of its own");
};
template <class Name, class Names>
struct Diagnose<no_layer_has_this<Name, Names>> {
  static_assert(buildable<no_layer_has_this<Name, Names>>,
                "frostline: Unfreeze requires names of the model's layers or parameters, and "
                "Auxiliary, OutputOf, UpsampleTo and Skip those of earlier layers; take one of "
                "names_are");
};
template <class Part>
struct Diagnose<model_has_none_of_these<Part>> {
  static_assert(buildable<model_has_none_of_these<Part>>,
                "frostline: TrainOnly requires a model with parameters of the part that it trains; "
                "Unfreeze what should train by its name");
};
template <class At>
struct Diagnose<model_declares_no_head<At>> {
  static_assert(buildable<model_declares_no_head<At>>,
                "frostline: ReplaceHead requires a model that declares a head; "
                "mark one of the layers of its Module with Head");
};
template <class At>
struct Diagnose<path_is_too_long<At>> {
  static_assert(buildable<path_is_too_long<At>>,
                "frostline: Network requires paths of at most 64 characters; shorten the names");
};
template <class At>
struct Diagnose<two_layers_own_the_same_keys_at<At>> {
  static_assert(buildable<two_layers_own_the_same_keys_at<At>>,
                "frostline: Network requires a key of its own for each parameter; "
                "give one of the layers at this path another name with Named");
};
template <class At>
struct Diagnose<no_output_depends_on_the_layer<At>> {
  static_assert(
      buildable<no_output_depends_on_the_layer<At>>,
      "frostline: Network requires an output that depends on each layer; OutputOf reads an "
      "earlier one in place of this one: leave this one out, or join both by Concat");
};
template <class At>
struct Diagnose<breaks_the_bound_of_classes<At>> {
  static_assert(
      buildable<breaks_the_bound_of_classes<At>>,
      "frostline: Bounded requires the network's last layer, which is Linear, or a Conv2d "
      "of one group with only Upsample after it, and no Auxiliary");
};

template <class Layer, class Backend>
struct Diagnose<no_kernel_computes_this_layer<Layer, Backend>> {
  static_assert(buildable<no_kernel_computes_this_layer<Layer, Backend>>,
                "frostline: Network requires a Kernel<Backend, Layer> for each of its layers; "
                "include the backend's header, or specialise Kernel for your own layer");
};

template <class At>
struct Diagnose<no_frozen_layer_before<At>> {
  static_assert(
      buildable<no_frozen_layer_before<At>>,
      "frostline: features require frozen layers before the first that trains, uses batch "
      "statistics or drops values; Freeze the model's beginning, or train on images");
};

/// The problem of a model whose features are requested, or nothing_wrong.
template <class Model, class In>
struct FeatureProblem {
  static constexpr Path moving = [] {
    for (const Node& node : traced<Model, In>)
      if (moves(node, DeclaredBy<Leaves<Model>>::table)) return node.path;
    return Path{};
  }();
  template <std::size_t... K>
  static at<moving.text[K]...> path(std::index_sequence<K...>);
  using type = std::conditional_t<
      (scheduled<Model, In>.cut > 0), nothing_wrong,
      no_frozen_layer_before<decltype(path(std::make_index_sequence<moving.size>{}))>>;
};
template <class Model, class In>
using FeatureProblemOf = typename FeatureProblem<Model, In>::type;

template <class Backend, class List>
struct MissingKernel;
template <class Backend, class... Layers>
struct MissingKernel<Backend, TypeList<Layers...>> {
  static constexpr int first = [] {
    int index = 0, missing = no_node;
    ((missing = missing == no_node && !has_kernel<Layers, Backend> ? index : missing, ++index),
     ...);
    return missing;
  }();
  static constexpr auto find() {
    if constexpr (first == no_node)
      return (nothing_wrong*)nullptr;
    else
      return (no_kernel_computes_this_layer<
              typename TypeAt<std::size_t(first), TypeList<Layers...>>::type, Backend>*)nullptr;
  }
  using type = std::remove_pointer_t<decltype(find())>;
};

/// The problem of a model on a backend, or nothing_wrong.
template <class Model, class In, class Backend, Problem::Kind Kind>
struct ProblemOf : Facts<Model, In, Kind> {};
template <class Model, class In, class Backend>
struct ProblemOf<Model, In, Backend, Problem::nothing> : MissingKernel<Backend, Leaves<Model>> {};

/// A base class of types that require a valid model; its name is the message.
template <class Model, class In, class Backend>
using DiagnoseModel =
    Diagnose<typename ProblemOf<Model, In, Backend, traced<Model, In>.problem.kind>::type>;

}  // namespace frostline::detail
