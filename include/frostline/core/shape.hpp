// SPDX-License-Identifier: MIT
// The shape of one sample, and the network's input as a type.
#pragma once

#include <cstddef>

namespace frostline {

/// The shape of one sample; the batch is known at run time only. Features are {features, 1, 1}.
struct Shape {
  int channels = 0, height = 0, width = 0;
  constexpr std::size_t size() const { return std::size_t(channels) * pixels(); }
  constexpr std::size_t pixels() const { return std::size_t(height) * std::size_t(width); }
  constexpr bool operator==(const Shape&) const = default;
};

/// What a network is fed: images of this many channels, rows and columns.
template <int Channels, int Height, int Width>
struct Input {
  static constexpr Shape shape{Channels, Height, Width};
};

}  // namespace frostline
