// SPDX-License-Identifier: MIT
// summary: a compiled model as a table, one line a layer.
#pragma once

#include <string>

#include "frostline/core/format.hpp"
#include "frostline/graph/compiled.hpp"

namespace frostline {

/// 12345678 as "12,345,678".
inline std::string with_commas(std::int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

/// Totals of a compiled model. Units: bytes; those of values are a sample's.
struct SummaryTotals {
  std::int64_t parameters, trainable, multiply_adds;
  std::size_t saved_bytes;       // kept from the forward for the backward
  std::size_t value_bytes;       // all values at the fullest moment, what is saved among them
  std::size_t packed_bytes = 0;  // weights as a backend's kernels read them, besides their own
};

/// Whether a layer trains; if only a part of it, the names of the parameters that do.
inline std::string training_state(const Node& node) {
  if (node.parameters == 0) return "";
  if (!node.trains()) return "frozen";
  if (node.trainable() == node.parameters) return "trains";
  std::string names;
  for (const Parameter& parameter : node.parameter)
    if (parameter.trains) {
      if (!names.empty()) names += ' ';
      names += parameter.name;
    }
  return names;
}

/// The table people know from torchinfo, of any list of nodes.
inline std::string summary_of(const Node* nodes, const std::size_t* saved, int size,
                              const SummaryTotals& totals) {
  const std::string rule(110, '-');
  std::string text =
      format_text("{:<26} {:<18} {:>12} {:<8} {:>14} {:>17}  {}\n{}\n", "layer", "output (C, H, W)",
                  "parameters", "", "saved bytes", "multiply-adds", "computed", rule);
  for (int i = 0; i < size; ++i) {
    const Node& node = nodes[i];
    const std::string computed =
        node.absorbed_by == no_node
            ? std::string(node.choice.name)
            : format_text("in {}", std::string_view(nodes[node.absorbed_by].path));
    const std::string state = training_state(node);
    text +=
        format_text("{:<26} {:<18} {:>12} {:<8} {:>14} {:>17}  {}\n",
                    i == 0 ? std::string_view("input") : node.path,
                    format_text("{}, {}, {}", node.out.channels, node.out.height, node.out.width),
                    node.parameters ? with_commas(std::int64_t(node.parameters)) : "", state,
                    saved[i] ? with_commas(std::int64_t(saved[i])) : "",
                    node.multiply_adds ? with_commas(node.multiply_adds) : "", computed);
  }
  text += format_text(
      "{}\nparameters            {:>16}, of which {} train\n"
      "multiply-adds         {:>16} a sample\n"
      "saved for backward    {:>16} bytes a sample\n"
      "values at most        {:>16} bytes a sample\n",
      rule, with_commas(totals.parameters), with_commas(totals.trainable),
      with_commas(totals.multiply_adds), with_commas(std::int64_t(totals.saved_bytes)),
      with_commas(std::int64_t(totals.value_bytes)));
  if (totals.packed_bytes)
    text += format_text("weights               {:>16} bytes, and {} as kernels read them\n",
                        with_commas(totals.parameters * std::int64_t(sizeof(float))),
                        with_commas(std::int64_t(totals.packed_bytes)));
  return text;
}

/// A model's layers: path, output shape, parameters and whether they train (or which do), bytes
/// that its backward keeps a sample, multiply-adds a sample, and how it is computed; then totals.
/// Without a backend it tells nothing about algorithms. Of a model made for AtMost so many classes,
/// for this number of them, or all; bytes are those of the bound.
template <class Model, class In, class Backend = void, class Options = Balanced>
std::string summary(std::size_t packed_bytes = 0, int classes = 0) {
  constexpr const auto& graph = compiled<Model, In, Backend, Options>;
  constexpr const auto& plan = planned<Model, In, Backend, Options>;
  constexpr int size = graph.size;
  std::size_t saved[size];
  std::size_t saved_in_all = 0;
  for (int i = 0; i < size; ++i) saved_in_all += saved[i] = saved_bytes(graph, plan, i);
  const auto table = [&](const Graph<size>& shown) {
    return summary_of(shown.nodes, saved, size,
                      {std::int64_t(parameter_count(shown)), std::int64_t(trainable_count(shown)),
                       multiply_adds(shown), saved_in_all, plan.per_sample.bytes, packed_bytes});
  };
  if constexpr (graph[graph.outputs[0].node].bounded_output)
    if (classes > 0) return table(of_classes(graph, DeclaredBy<Leaves<Model>>::table, classes));
  return table(graph);
}
/// Of a Network.
template <class Network>
std::string summary(const Network& network) {
  return summary<typename Network::model, typename Network::input, typename Network::backend,
                 typename Network::options>(
      network.executor().program().packed_floats() * sizeof(float), network.executor().classes());
}

}  // namespace frostline
