// SPDX-License-Identifier: MIT
// Node and Graph: a model as a flat array of values.
#pragma once

#include <cstdint>

#include "frostline/core/choice.hpp"
#include "frostline/core/kernel.hpp"
#include "frostline/core/layer.hpp"
#include "frostline/core/path.hpp"

namespace frostline::detail {

inline constexpr int no_node = -1;

/// One parameter of a layer, and whether it trains.
struct Parameter {
  std::string_view name{};
  std::size_t size = 0;
  bool trains = false;
  Reads gradient_reads[2]{};  // by Statistics
};

/// One layer in its place. Node 0 is the network's input.
struct Node {
  static constexpr int max_inputs = Place::max_inputs;

  Path path{};
  int layer = no_node;  // index into the model's leaves
  Kind kind = Kind::other;
  bool varies_in_training = false;
  bool has_buffers = false;
  float epsilon = 0;  // a batch norm's
  int input_count = 0;
  int inputs[max_inputs]{no_node, no_node, no_node};  // nodes that this one reads
  Shape in{}, out{};                                  // of its first input, of its output
  std::size_t parameters = 0;                         // numbers, of all parameters
  int parameter_count = 0;
  Parameter parameter[TensorSpecs::capacity]{};
  std::int64_t multiply_adds = 0;   // per sample
  Reads input_gradient_reads[2]{};  // by Statistics
  Saved saved{};
  int first_channel = 0;  // CopyChannels: where the branch begins in its Concat

  // Set by arrange; plain until then.
  Choice choice{};
  std::size_t floats = 0;       // of the output, per sample, in its layout
  bool whole_blocks = false;    // CopyChannels: the branch shares no block with another ...
  std::size_t first_float = 0;  // ... and would begin here in the output's value

  TensorSpecs (*parameters_for)(int classes) = nullptr;  // if they have a row per class
  bool bounded_output = false;                           // it has a channel per class
  bool is_new = false;                                   // replaces a layer
  Statistics statistics = Statistics::batch;

  // Set by differentiate.
  bool input_gradient[max_inputs]{};  // it computes this input's gradient ...
  bool adds[max_inputs]{};            // ... and is not the first to write it
  bool parameter_gradient = false;
  bool has_gradient = false;  // of its output

  // Set by fuse: this node also does the work of the nodes it absorbs.
  int batch_norm = no_node, added = no_node;
  Rectifier rectifier = Rectifier::none;
  int pool = no_node;
  int absorbed_by = no_node;
  int output = no_node;  // the node whose value this one writes

  constexpr bool bounded_parameters() const { return parameters_for != nullptr; }
  constexpr bool wants_any_input_gradient() const {
    return input_gradient[0] || input_gradient[1] || input_gradient[2];
  }
  /// Whether it runs in the backward.
  constexpr bool has_backward() const { return parameter_gradient || wants_any_input_gradient(); }
  /// Whether it has trainable parameters.
  constexpr bool trains() const { return trainable() > 0; }
  /// The size of its trainable parameters. Units: numbers.
  constexpr std::size_t trainable() const {
    std::size_t count = 0;
    for (const Parameter& p : parameter) count += p.trains ? p.size : 0;
    return count;
  }
  /// The values that a part of the backward reads besides the output's gradient and the parameters.
  constexpr Reads reads(Pass pass) const {
    const int s = int(statistics);
    if (pass == Pass::input_gradient) return input_gradient_reads[s];
    Reads reads{};
    for (const Parameter& p : parameter)
      if (p.trains) reads |= p.gradient_reads[s];
    return reads;
  }
  /// The values that this node's backward reads, all parts together.
  constexpr Reads backward_reads() const {
    Reads both{};
    if (parameter_gradient) both |= reads(Pass::parameter_gradient);
    if (wants_any_input_gradient()) both |= reads(Pass::input_gradient);
    return both;
  }
};

/// A layer's declaration, as values that a table can hold. They are no functions, so that no code
/// is compiled for them.
struct Declared {
  TensorSpecs parameters, buffers;
};

/// An error in a model. A pass never throws: it records the first problem and continues.
struct Problem {
  enum Kind {
    nothing,
    layer_shape,       // a layer cannot take its input
    second_input,      // a layer reads two values, but is not part of a Residual or Scaled
    branch_shapes,     // the branches of a Residual differ
    gate_shape,        // the gate of a Scaled does not have one number per channel
    concat_shapes,     // the branches of a Concat differ in height or width
    unknown_name,      // a rule's name covers nothing
    no_such_part,      // a rule's part covers nothing
    no_head,           // ReplaceHead on a model that declares no head
    long_path,         // a path longer than Path::capacity
    equal_keys,        // two layers own the same keys
    auxiliary_shape,   // an auxiliary output's shape is not the main output's
    many_auxiliaries,  // more than a graph can hold
    shared_output,     // two outputs are one value
    not_bounded,       // a Bounded layer, or one after it, that cannot be there
    unread,            // a layer on which no output depends
  } kind = nothing;
  int node = no_node;
  Path name{};        // unknown_name: the name; no_such_part: the part's
  char names[256]{};  // unknown_name: names that exist nearby, separated by spaces
  std::size_t names_size = 0;
  // branch_shapes: the shortcut's; gate_shape: the gate's; concat_shapes: the first branch's;
  // auxiliary_shape: the main output's.
  Shape shape{};
  int branch = 0;  // concat_shapes: the one that differs, from 0
};

/// A value that has a loss, and that loss's weight.
struct Output {
  int node = no_node;
  float weight = 1;
};

/// A model's nodes in the order in which they run, node 0 first.
template <int Size>
struct Graph {
  static constexpr int size = Size;
  Node nodes[Size]{};
  Problem problem{};
  Path replaced[4]{};  // first names of the layers that new ones replaced
  int replaced_count = 0;
  static constexpr int max_outputs = 4;
  Output outputs[max_outputs]{};  // the network's, then auxiliary ones
  int output_count = 1;
  constexpr Node& operator[](int i) { return nodes[i]; }
  constexpr const Node& operator[](int i) const { return nodes[i]; }
  constexpr const Node* begin() const { return nodes; }
  constexpr const Node* end() const { return nodes + Size; }
};

}  // namespace frostline::detail
