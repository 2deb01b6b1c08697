// SPDX-License-Identifier: MIT
// What every layer declares: its shapes, its tensors, and what its backward reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "frostline/core/element_type.hpp"
#include "frostline/core/shape.hpp"

namespace frostline {

/// Kinds that graph passes treat in a way of their own; a user's layer is `other`.
enum class Kind {
  other,
  convolution,
  batch_norm,
  relu,
  add,
  dropout,
  max_pool_3_2_1,
  reorder,
  concat
};

/// Which statistics batch normalisation uses (and whether dropout drops) while training.
enum class Statistics { batch, running };

/// How a parameter starts. Uniform and normal have mean 0 and this variance.
struct Initial {
  enum Distribution { constant, normal, uniform } distribution = constant;
  float value = 0;  // the constant, or the variance
};

/// The name and extents of a parameter or a buffer, in PyTorch's order.
struct TensorSpec {
  std::string_view name{};
  int rank = 0;
  int extents[4]{1, 1, 1, 1};
  Initial initial{};
  ElementType type = ElementType::f32;
  constexpr std::size_t size() const {
    std::size_t product = 1;
    for (const int extent : extents) product *= std::size_t(extent);
    return product;
  }
};

/// A vector of this many elements.
constexpr TensorSpec vector_spec(std::string_view name, int size, Initial initial) {
  return {name, 1, {size, 1, 1, 1}, initial};
}

/// The parameters or buffers of one layer.
struct TensorSpecs {
  static constexpr int capacity = 4;
  TensorSpec items[capacity]{};
  int count = 0;
  constexpr const TensorSpec& operator[](int i) const { return items[i]; }
};

/// What one part of a layer's backward (the inputs' gradients, or one parameter's) reads besides
/// the output's gradient and the parameters.
struct Reads {
  bool input = false;
  bool output = false;
  bool saved = false;
  constexpr Reads& operator|=(Reads more) {
    input = input || more.input;
    output = output || more.output;
    saved = saved || more.saved;
    return *this;
  }
};

/// A buffer that a layer's forward fills for its backward. Units: bytes.
struct Saved {
  std::size_t per_sample = 0;
  std::size_t fixed = 0;
};

/// The base of all declarations: a layer says only what differs. Besides, a layer must declare
/// `static constexpr Shape output(Shape in)`, or `output(Shape in, Shape network_input)`.
struct Layer {
  static constexpr Kind kind = Kind::other;
  /// Whether the forward draws random numbers while training: what comes after such a layer is not
  /// computed once for all epochs, unless it is frozen.
  static constexpr bool varies_in_training = false;
  static constexpr bool accepts(Shape) { return true; }
  /// Values that it reads: one, or as a join two, and the shape that the second must have.
  static constexpr int inputs = 1;
  static constexpr Shape second_input(Shape in) { return in; }
  static constexpr TensorSpecs parameters() { return TensorSpecs{}; }
  static constexpr TensorSpecs buffers() { return TensorSpecs{}; }
  static constexpr Reads input_gradient_reads(Statistics) { return {}; }
  static constexpr Reads parameter_gradient_reads(int, Statistics) { return {}; }  // by parameter
  static constexpr Saved saved(Shape) { return {}; }
  /// Whether its kernel gives as many channels as the call says where `At::bounded`, and not as
  /// many as there may be. A layer that may be Bounded also declares `parameters_for(int outputs)`.
  static constexpr bool takes_bound = false;
  /// Multiply-adds of one sample's forward, as torchinfo counts them.
  static constexpr std::int64_t multiply_adds(Shape) { return 0; }
};

/// The shape a layer gives, which may depend on the network's input (Upsample does).
template <class Declaration>
constexpr Shape output_of(Shape in, Shape network_input) {
  if constexpr (requires { Declaration::output(in, network_input); })
    return Declaration::output(in, network_input);
  else
    return Declaration::output(in);
}

}  // namespace frostline
