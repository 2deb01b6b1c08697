// SPDX-License-Identifier: MIT
// NamedTensor: a network's parameters and buffers under the keys that files use.
#pragma once

#include <string>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/program/program.hpp"

namespace frostline {

/// One parameter or buffer of a network; Network::read and write take it.
struct NamedTensor {
  std::string key;  // "layer1.0.conv1.weight"
  std::vector<std::int64_t> extents;
  ElementType type = ElementType::f32;
  std::size_t size = 0;  // elements
  bool trains = false;
  bool is_new = false;  // its layer replaces another
  bool is_buffer = false;
  int node = detail::no_node, index = 0;
};

}  // namespace frostline

namespace frostline::detail {

/// All parameters and buffers of a program, in PyTorch's order of keys; `classes` is used if the
/// model is made for AtMost<N> classes.
inline std::vector<NamedTensor> tensors_of(const Program& program, int classes) {
  std::vector<NamedTensor> result;
  for (int i = 1; i < int(program.nodes.size()); ++i) {
    const Node& node = program.nodes[std::size_t(i)];
    const std::string_view path = node.path;
    const std::string prefix = path.empty() ? std::string{} : format_text("{}.", path);
    const auto append = [&](const TensorSpecs& specs, bool is_buffer) {
      for (int k = 0; k < specs.count; ++k) {
        const TensorSpec& spec = specs[k];
        NamedTensor tensor;
        tensor.key = prefix;
        tensor.key += spec.name;
        tensor.extents.assign(spec.extents, spec.extents + spec.rank);
        tensor.type = spec.type;
        tensor.size = spec.size();
        tensor.trains = !is_buffer && node.parameter[k].trains;
        tensor.is_new = node.is_new;
        tensor.is_buffer = is_buffer;
        tensor.node = i;
        tensor.index = k;
        result.push_back(std::move(tensor));
      }
    };
    append(program.parameters_of(i, classes), false);
    append(program.declared_by(i).buffers(), true);
  }
  return result;
}

/// The tensor of this key. Throws: Error if there is none.
inline NamedTensor find_tensor(std::vector<NamedTensor> tensors, std::string_view key) {
  for (NamedTensor& tensor : tensors)
    if (tensor.key == key) return std::move(tensor);
  throw Error(format_text("frostline: the network has no tensor '{}'", key));
}

/// A copy of a network's tensor of this key.
/// Throws: Error if there is none, or its type is not float.
template <class Net>
std::vector<float> values_of(const Net& network, std::string_view key) {
  const NamedTensor found = network.tensor(key);
  std::vector<float> result(found.size);
  network.read(found, std::span(result));
  return result;
}

}  // namespace frostline::detail
