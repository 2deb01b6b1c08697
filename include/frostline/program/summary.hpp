// SPDX-License-Identifier: MIT
// summary: a compiled model as a table with a line per layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "frostline/graph/compiled.hpp"

namespace frostline::detail {

/// Totals of a compiled model. Units: bytes; saved_bytes and value_bytes are per sample.
struct SummaryTotals {
  std::int64_t parameters, trainable, multiply_adds;
  std::size_t saved_bytes;       // saved in the forward for the backward
  std::size_t value_bytes;       // the most that all values take at once, saved ones included
  std::size_t packed_bytes = 0;  // packed copies of weights
};

/// The table of any list of nodes, like torchinfo's.
std::string summary_of(const Node* nodes, const std::size_t* saved, int size,
                       const SummaryTotals& totals);

}  // namespace frostline::detail

namespace frostline {

/// A model's layers: path, output shape, parameters and which of them train, bytes per sample saved
/// for the backward, multiply-adds per sample, and the algorithm (only with a backend); then
/// totals. A model for AtMost<N> classes is shown for `classes` of them, or for N; bytes are those
/// for N.
template <class Model, class In, class Backend = void, class Options = Balanced>
std::string summary(std::size_t packed_bytes = 0, int class_count = 0) {
  constexpr const auto& graph = detail::compiled<Model, In, Backend, Options>;
  constexpr const auto& plan = detail::planned<Model, In, Backend, Options>;
  constexpr int size = graph.size;
  std::size_t saved[size];
  std::size_t saved_in_all = 0;
  for (int i = 0; i < size; ++i) saved_in_all += saved[i] = detail::saved_bytes(graph, plan, i);
  const auto table = [&](detail::Graph<size> shown) {
    for (int i = 0; i < size; ++i)
      if (!std::is_void_v<Backend> && shown[i].kind == detail::Kind::concat)
        shown[i].choice.name = detail::is_in_place(graph, plan, i) ? "in place" : "copied";
    return detail::summary_of(
        shown.nodes, saved, size,
        {std::int64_t(detail::parameter_count(shown)), std::int64_t(detail::trainable_count(shown)),
         detail::multiply_adds(shown), saved_in_all, plan.per_sample.bytes, packed_bytes});
  };
  if constexpr (graph[graph.outputs[0].node].bounded_output)
    if (class_count > 0) return table(detail::of_classes(graph, class_count));
  return table(graph);
}
/// The summary of a Network.
template <class Network>
std::string summary(const Network& network) {
  return summary<typename Network::model, typename Network::input, typename Network::backend,
                 typename Network::options>(
      network.executor().program().packed_floats() * sizeof(float), network.executor().classes());
}

}  // namespace frostline

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/program/summary_body.hpp"
#endif
