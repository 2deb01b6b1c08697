// SPDX-License-Identifier: MIT
// Choice: how a backend computes a layer in its place, decided before the program runs.
#pragma once

#include <concepts>
#include <string_view>

#include "frostline/core/shape.hpp"

namespace frostline {

/// How a value lies in memory: NCHW, or as a backend's fast kernels want it.
enum class Layout : unsigned char { plain, blocked };

/// How far frozen convolutions may stray from exact arithmetic for speed. Units: relative L2 error
/// of ResNet-18's features.
enum class Accuracy : unsigned char {
  direct,    // at most 2e-6: no transformed convolutions
  standard,  // at most 5e-6
  fastest,   // at most 2e-5
};

/// What frozen weights are kept as: transformed for speed (about four times their size), or not.
enum class FrozenWeights : unsigned char { speed, memory };

/// The algorithm of all convolutions that it fits; to compare with what is chosen automatically.
/// F<m> are Winograd's with tiles of m x m outputs.
enum class Convolutions : unsigned char { automatic, im2col, direct, f2, f4, f5, f7 };

/// What a user may ask of the choice of algorithms.
struct Tuning {
  Accuracy accuracy = Accuracy::standard;
  FrozenWeights weights = FrozenWeights::speed;
  Convolutions convolutions = Convolutions::automatic;
};

// The fourth argument of Network: a type with a member `tuning`. These, or one of your own.
/// The default: fast, and features within 5e-6 of exact ones.
struct Balanced {
  static constexpr Tuning tuning{};
};
/// As fast as can be: features within 2e-5.
struct Fastest {
  static constexpr Tuning tuning{.accuracy = Accuracy::fastest};
};
/// Direct convolutions alone: every sum is of plain products, at half the speed. No more accurate
/// than Balanced as a whole, but without the constants of transforms.
struct DirectOnly {
  static constexpr Tuning tuning{.accuracy = Accuracy::direct};
};
/// Frozen weights in no more memory than they need.
struct SmallWeights {
  static constexpr Tuning tuning{.weights = FrozenWeights::memory};
};

/// What Network takes as its options.
template <class T>
concept HasTuning = requires {
  { T::tuning } -> std::convertible_to<Tuning>;
};

/// A layer's place, as far as it is known when its algorithm is chosen.
struct Situation {
  Shape in{};
  Layout given = Layout::plain;  // of its first input
  bool first = false;            // reads the network's input
  bool frozen = false;           // nothing of it trains
  Tuning tuning{};
};

/// The layouts that a kernel wants for its inputs and gives its output, and its algorithm.
struct Choice {
  Layout input = Layout::plain;
  Layout output = Layout::plain;
  int algorithm = 0;  // the kernel's own numbers, of 0 to 63
  std::string_view name{};
  std::string_view pooled_name{};  // of the algorithm that does the max pooling behind it too
  bool absorbs =
      false;  // a frozen convolution's kernel also does the batch norm, sum and ReLU after
};

/// The choice of a kernel that takes either layout and hands it on.
constexpr Choice same_layout(const Situation& place) { return {place.given, place.given}; }

}  // namespace frostline
