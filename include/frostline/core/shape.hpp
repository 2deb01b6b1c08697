// SPDX-License-Identifier: MIT
// The shape of one sample, and the network's input as a type.
#pragma once

#include <cstddef>

namespace frostline {

/// The shape of one sample; the batch is known only at run time. Features are {features, 1, 1}.
struct Shape {
  int channels = 0, height = 0, width = 0;
  constexpr std::size_t size() const { return std::size_t(channels) * pixels(); }
  constexpr std::size_t pixels() const { return std::size_t(height) * std::size_t(width); }
  constexpr bool operator==(const Shape&) const = default;
};

/// A network's input: images of so many channels, rows and columns.
template <int Channels, int Height, int Width>
struct Input {
  static constexpr Shape shape{Channels, Height, Width};
};

}  // namespace frostline
