// SPDX-License-Identifier: MIT
// NamedTensor: a network's parameters and buffers under the keys that files use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
  bool is_positions = false;  // TensorSpec::positions
  int node = detail::no_node, index = 0;
};

}  // namespace frostline

namespace frostline::detail {

/// All parameters and buffers of a program, in PyTorch's order of keys; `classes` is used if the
/// model is made for AtMost<N> classes.
std::vector<NamedTensor> tensors_of(const Program& program, int classes);

/// The tensor of this key. Throws: Error if there is none.
NamedTensor find_tensor(std::vector<NamedTensor> tensors, std::string_view key);

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

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/program/named_tensor_body.hpp"
#endif
