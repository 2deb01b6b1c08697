// SPDX-License-Identifier: MIT
// OwnedTensors: the tensors of a network that may run in parts.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "frostline/program/named_tensor.hpp"

namespace frostline::detail {

/// The tensors of a network that may run in parts, with the part that owns each.
template <class Executor>
struct OwnedTensors {
  std::vector<NamedTensor> tensors;
  std::vector<Executor*> owners;
  explicit OwnedTensors(std::span<Executor* const> parts) {
    for (Executor* const part : parts) {
      for (NamedTensor& tensor : tensors_of(part->program())) tensors.push_back(std::move(tensor));
      owners.resize(tensors.size(), part);
    }
  }
};

}  // namespace frostline::detail
