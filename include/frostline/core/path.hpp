// SPDX-License-Identifier: MIT
// The path of a layer in a model, spelled as PyTorch spells it: "layer1.0.conv1".
#pragma once

#include <cstddef>
#include <string_view>

namespace frostline::detail {

/// Whether the rule "layer4" covers a path: layer4 itself and everything under it.
constexpr bool covers(std::string_view rule, std::string_view path) {
  return path.substr(0, rule.size()) == rule &&
         (path.size() == rule.size() || path[rule.size()] == '.');
}

/// Whether a name is "path.last", or `last` where the path is empty.
constexpr bool is_joined(std::string_view name, std::string_view path, std::string_view last) {
  if (path.empty()) return name == last;
  return name.size() == path.size() + 1 + last.size() && covers(path, name) &&
         name.substr(path.size() + 1) == last;
}

/// The first name of a path: "layer1" of "layer1.0.conv1".
constexpr std::string_view first_name(std::string_view path) {
  return path.substr(0, path.find('.'));
}

/// A path of at most `capacity` characters; a longer one is truncated, and `cut` is set.
struct Path {
  static constexpr std::size_t capacity = 64;
  char text[capacity]{};
  std::size_t size = 0;
  bool cut = false;

  constexpr Path() = default;
  constexpr explicit Path(std::string_view name) { append(name); }
  constexpr operator std::string_view() const { return {text, size}; }
  constexpr Path operator/(std::string_view name) const {
    Path path = *this;
    if (path.size && !name.empty()) path.append(".");
    path.append(name);
    return path;
  }
  constexpr void append(std::string_view more) {
    for (const char c : more) {
      if (size == capacity) {
        cut = true;
        return;
      }
      text[size++] = c;
    }
  }
};

}  // namespace frostline::detail
