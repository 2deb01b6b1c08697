// SPDX-License-Identifier: MIT
// Choice: how a backend computes a layer in its place, decided before the program runs.
#pragma once

#include <concepts>
#include <string_view>

#include "frostline/core/shape.hpp"

namespace frostline {

/// The order of a value's numbers in memory: NCHW, or that of a backend's fast kernels.
enum class Layout : unsigned char { plain, blocked };

/// The error that frozen convolutions may make for speed. Units: relative L2 error of ResNet-18's
/// features.
enum class Accuracy : unsigned char {
  direct,    // at most 2e-6: no transformed convolutions
  standard,  // at most 5e-6
  fastest,   // at most 2e-5
};

/// Whether frozen weights are stored transformed for speed (about four times their size), or not.
enum class FrozenWeights : unsigned char { speed, memory };

}  // namespace frostline

namespace frostline::detail {

/// One algorithm for all convolutions that it fits, to compare it with the automatic choice.
/// F<m> are Winograd's with tiles of m x m outputs.
enum class Convolutions : unsigned char { automatic, im2col, direct, f2, f4, f5, f7 };

}  // namespace frostline::detail

namespace frostline {

/// A user's settings for the choice of algorithms.
struct Tuning {
  Accuracy accuracy = Accuracy::standard;
  FrozenWeights weights = FrozenWeights::speed;
  detail::Convolutions convolutions = detail::Convolutions::automatic;
};

// The fourth argument of Network: a type with a member `tuning`. One of these, or your own.
/// The default: fast, and features within 5e-6 of exact ones.
struct Balanced {
  static constexpr Tuning tuning{};
};
/// As fast as possible: features within 2e-5 of exact ones.
struct Fastest {
  static constexpr Tuning tuning{.accuracy = Accuracy::fastest};
};
/// Only direct convolutions: every sum is of plain products, at half the speed. Not more accurate
/// than Balanced as a whole, but without the constants of transforms.
struct DirectOnly {
  static constexpr Tuning tuning{.accuracy = Accuracy::direct};
};
/// Frozen weights take no more memory than they need.
struct SmallWeights {
  static constexpr Tuning tuning{.weights = FrozenWeights::memory};
};

}  // namespace frostline

namespace frostline::detail {

/// The options of a Network.
template <class T>
concept HasTuning = requires {
  { T::tuning } -> std::convertible_to<Tuning>;
};

}  // namespace frostline::detail

namespace frostline {

/// The facts about a layer's place that are known when its algorithm is chosen.
struct Situation {
  Shape in{};
  Layout given = Layout::plain;  // of its first input
  bool first = false;            // reads the network's input
  bool frozen = false;           // none of its parameters train
  Tuning tuning{};
};

/// The layouts of a kernel's inputs and of its output, and its algorithm.
struct Choice {
  Layout input = Layout::plain;
  Layout output = Layout::plain;
  int algorithm = 0;  // the kernel's own number, 0 to 63
  std::string_view name{};
  std::string_view pooled_name{};  // of the algorithm that also does the max pooling after it
  bool absorbs =
      false;  // a frozen convolution's kernel also does the batch norm, sum and ReLU after
};

/// The choice of a kernel that takes either layout and gives its output in the same one.
constexpr Choice same_layout(const Situation& place) { return {place.given, place.given}; }

}  // namespace frostline
