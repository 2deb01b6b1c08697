// SPDX-License-Identifier: MIT
// The body of summary_of: the table's text.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "frostline/core/body.hpp"
#include "frostline/core/format.hpp"
#include "frostline/program/summary.hpp"

namespace frostline::detail {

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

/// How a layer is computed, or which channels it joins.
inline std::string how_computed(const Node* nodes, const Node& node) {
  if (node.absorbed_by != no_node)
    return format_text("in {}", std::string_view(nodes[node.absorbed_by].path));
  if (node.kind != Kind::concat) return std::string(node.choice.name);
  return format_text("channels {} to {}, {}", node.first_channel,
                     node.first_channel + node.in.channels - 1, node.choice.name);
}

FROSTLINE_BODY std::string summary_of(const Node* nodes, const std::size_t* saved, int size,
                                      const SummaryTotals& totals) {
  std::size_t width = 26;
  for (int i = 1; i < size; ++i) width = std::max(width, std::string_view(nodes[i].path).size());
  const auto padded = [&](std::string_view name) {
    return std::string(name) + std::string(width - name.size(), ' ');
  };
  const std::string rule(width + 84, '-');
  std::string text = format_text("{} {:<18} {:>12} {:<8} {:>14} {:>17}  {}\n{}\n", padded("layer"),
                                 "output (C, H, W)", "parameters", "", "saved bytes",
                                 "multiply-adds", "computed", rule);
  for (int i = 0; i < size; ++i) {
    const Node& node = nodes[i];
    const std::string computed = how_computed(nodes, node);
    const std::string state = training_state(node);
    text +=
        format_text("{} {:<18} {:>12} {:<8} {:>14} {:>17}  {}\n",
                    padded(i == 0 ? std::string_view("input") : std::string_view(node.path)),
                    format_text("{}, {}, {}", node.out.channels, node.out.height, node.out.width),
                    node.parameters ? with_commas(std::int64_t(node.parameters)) : "", state,
                    saved[i] ? with_commas(std::int64_t(saved[i])) : "",
                    node.multiply_adds ? with_commas(node.multiply_adds) : "", computed);
  }
  text += format_text(
      "{}\nparameters            {:>16}, of which {} train\n"
      "multiply-adds         {:>16} per sample\n"
      "saved for backward    {:>16} bytes per sample\n"
      "values at most        {:>16} bytes per sample\n",
      rule, with_commas(totals.parameters), with_commas(totals.trainable),
      with_commas(totals.multiply_adds), with_commas(std::int64_t(totals.saved_bytes)),
      with_commas(std::int64_t(totals.value_bytes)));
  if (totals.packed_bytes)
    text += format_text("weights               {:>16} bytes, and {} packed for kernels\n",
                        with_commas(totals.parameters * std::int64_t(sizeof(float))),
                        with_commas(std::int64_t(totals.packed_bytes)));
  return text;
}

}  // namespace frostline::detail
