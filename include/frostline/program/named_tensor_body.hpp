// SPDX-License-Identifier: MIT
// The bodies of program/named_tensor.hpp: the list of a program's tensors.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frostline/core/body.hpp"
#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/program/named_tensor.hpp"

namespace frostline::detail {

FROSTLINE_BODY std::vector<NamedTensor> tensors_of(const Program& program, int classes) {
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
        tensor.is_positions = spec.positions;
        tensor.node = i;
        tensor.index = k;
        result.push_back(std::move(tensor));
      }
    };
    append(program.parameters_of(i, classes), false);
    append(program.declared_by(i).buffers, true);
  }
  return result;
}

FROSTLINE_BODY NamedTensor find_tensor(std::vector<NamedTensor> tensors, std::string_view key) {
  for (NamedTensor& tensor : tensors)
    if (tensor.key == key) return std::move(tensor);
  throw Error(format_text("frostline: the network has no tensor '{}'", key));
}

}  // namespace frostline::detail
