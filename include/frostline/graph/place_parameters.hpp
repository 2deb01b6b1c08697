// SPDX-License-Identifier: MIT
// place_parameters: the offset of each parameter and buffer in the network's spans.
#pragma once

#include "frostline/graph/node.hpp"

namespace frostline::detail {

/// Offsets in floats; each tensor starts on a cache line. Trainable: last node first, so that
/// gradients are complete in the span's order. Frozen: vectors first, then weights; weights are
/// normally read from the mapped file, so the end of this region is never touched and takes no
/// memory. Buffers: running statistics.
template <int Size>
struct ParameterLayout {
  std::size_t parameters[Size][TensorSpecs::capacity]{};
  std::size_t buffers[Size][TensorSpecs::capacity]{};
  std::size_t trainable_floats = 0, frozen_floats = 0, buffer_floats = 0;
};

constexpr std::size_t padded_floats(const TensorSpec& spec) {
  const std::size_t floats = spec.size() * size_of(spec.type) / sizeof(float);
  return (floats + 15) / 16 * 16;
}

template <int Size>
constexpr ParameterLayout<Size> place_parameters(const Graph<Size>& graph,
                                                 const Declared* declared) {
  ParameterLayout<Size> layout{};
  const auto place = [](const TensorSpecs& specs, auto wanted, std::size_t* offsets,
                        std::size_t& floats) {
    for (int k = 0; k < specs.count; ++k) {
      if (!wanted(k, specs[k])) continue;
      offsets[k] = floats;
      floats += padded_floats(specs[k]);
    }
  };
  const auto place_parameters_of = [&](int i, auto wanted, std::size_t& floats) {
    place(declared[graph[i].layer].parameters, wanted, layout.parameters[i], floats);
  };
  for (const bool vectors : {true, false})
    for (int i = 1; i < Size; ++i)
      place_parameters_of(
          i,
          [&](int k, const TensorSpec& spec) {
            return !graph[i].parameter[k].trains && vectors == (spec.rank <= 1);
          },
          layout.frozen_floats);
  for (int i = Size - 1; i > 0; --i)
    place_parameters_of(
        i, [&](int k, const TensorSpec&) { return graph[i].parameter[k].trains; },
        layout.trainable_floats);
  for (int i = 1; i < Size; ++i)
    place(
        declared[graph[i].layer].buffers, [](int, const TensorSpec&) { return true; },
        layout.buffers[i], layout.buffer_floats);
  return layout;
}

}  // namespace frostline::detail
