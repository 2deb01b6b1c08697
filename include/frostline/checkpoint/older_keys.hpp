// SPDX-License-Identifier: MIT
// older_key: how torchvision's earlier versions called a tensor.
#pragma once

#include <string>
#include <string_view>

namespace frostline::detail {

/// The key under which files of earlier versions of torchvision have a tensor, or an empty text.
/// torchvision renames these when it loads, and some of its published files have them: "mlp.0" of
/// a vision transformer was "mlp.linear_1", and "denselayer1.norm1" of a DenseNet
/// "denselayer1.norm.1". Source: torchvision/models/vision_transformer.py and densenet.py
inline std::string older_key(std::string_view key) {
  const auto with = [&](std::string_view now, std::string_view before) -> std::string {
    const std::size_t at = key.find(now);
    if (at == std::string_view::npos) return {};
    return std::string(key.substr(0, at)) + std::string(before) +
           std::string(key.substr(at + now.size()));
  };
  if (std::string older = with(".mlp.0.", ".mlp.linear_1."); !older.empty()) return older;
  if (std::string older = with(".mlp.3.", ".mlp.linear_2."); !older.empty()) return older;
  if (key.find(".denselayer") == std::string_view::npos) return {};
  for (const std::string_view name : {"norm1", "norm2", "conv1", "conv2"}) {
    const std::string now = "." + std::string(name) + ".";
    const std::string before = "." + std::string(name.substr(0, 4)) + "." + name[4] + ".";
    if (std::string older = with(now, before); !older.empty()) return older;
  }
  return {};
}

}  // namespace frostline::detail
