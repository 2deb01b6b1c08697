// SPDX-License-Identifier: MIT
// snapshot: a copy of all floats of a network, by key.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "frostline/program/named_tensor.hpp"

namespace frostline::test {

template <class Net>
std::map<std::string, std::vector<float>> snapshot(const Net& network) {
  std::map<std::string, std::vector<float>> result;
  for (const NamedTensor& tensor : network.tensors())
    if (tensor.type == ElementType::f32) result[tensor.key] = network.values(tensor.key);
  return result;
}

}  // namespace frostline::test
