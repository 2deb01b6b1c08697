// SPDX-License-Identifier: MIT
// place_parameters: where each parameter and buffer lies in the network's spans.
#pragma once

#include "frostline/graph/node.hpp"

namespace frostline {

/// Offsets, in floats, of multiples of a cache line. What trains lies in one span in backward
/// order, what is frozen in another, vectors first (weights may stay in their file, and pages of
/// nothing else are never touched), buffers in a third.
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
  const auto place = [](TensorSpecs specs, auto wanted, std::size_t* offsets, std::size_t& floats) {
    for (int k = 0; k < specs.count; ++k) {
      if (!wanted(specs[k])) continue;
      offsets[k] = floats;
      floats += padded_floats(specs[k]);
    }
  };
  const auto all = [](const TensorSpec&) { return true; };
  const auto vector = [](const TensorSpec& spec) { return spec.rank <= 1; };
  const auto weight = [](const TensorSpec& spec) { return spec.rank > 1; };
  const auto place_frozen = [&](auto wanted) {
    for (int i = 1; i < Size; ++i)
      if (graph[i].frozen)
        place(declared[graph[i].layer].parameters(), wanted, layout.parameters[i],
              layout.frozen_floats);
  };
  place_frozen(vector);
  place_frozen(weight);
  for (int i = Size - 1; i > 0; --i)
    if (!graph[i].frozen)
      place(declared[graph[i].layer].parameters(), all, layout.parameters[i],
            layout.trainable_floats);
  for (int i = 1; i < Size; ++i)
    place(declared[graph[i].layer].buffers(), all, layout.buffers[i], layout.buffer_floats);
  return layout;
}

}  // namespace frostline
