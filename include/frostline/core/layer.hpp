// SPDX-License-Identifier: MIT
// Layer: what every layer declares: its shapes, its tensors, and the values its backward reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "frostline/core/element_type.hpp"
#include "frostline/core/shape.hpp"

namespace frostline::detail {

/// Kinds that graph passes treat differently; a user's layer is `other`.
enum class Kind {
  other,
  convolution,
  batch_norm,
  relu,
  relu6,
  add,
  dropout,
  max_pool_3_2_1,
  reorder,
  concat
};

}  // namespace frostline::detail

namespace frostline {

/// Which statistics batch normalisation uses (and whether dropout drops) while training.
enum class Statistics { batch, running };

/// The initial values of a parameter. Uniform and normal ones have mean 0.
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
  bool positions = false;  // of a class token and n x n places; another n in a file is resized
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

/// The values that one part of a layer's backward (the inputs' gradients, or one parameter's)
/// reads, besides the output's gradient and the parameters.
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

/// The base of all declarations: a layer declares only what differs from it. It must also declare
/// `static constexpr Shape output(Shape in)`, or `output(Shape in, Shape network_input)`.
struct Layer {
  static constexpr detail::Kind kind = detail::Kind::other;
  /// Whether the forward draws random numbers while training. Unless such a layer is frozen, the
  /// layers after it are computed again in each epoch.
  static constexpr bool varies_in_training = false;
  static constexpr bool accepts(Shape) { return true; }
  /// The number of values that the layer reads, 1 or 2. Only Residual (Add) and Scaled (Scale) give
  /// a layer a second one, which must have the shape `second_input(in)`.
  static constexpr int inputs = 1;
  static constexpr Shape second_input(Shape in) { return in; }
  static constexpr TensorSpecs parameters() { return TensorSpecs{}; }
  static constexpr TensorSpecs buffers() { return TensorSpecs{}; }
  static constexpr Reads input_gradient_reads(Statistics) { return {}; }
  static constexpr Reads parameter_gradient_reads(int, Statistics) { return {}; }  // by parameter
  static constexpr Saved saved(Shape) { return {}; }
  /// Whether its kernel writes only `call.classes` channels where `At::bounded`. A layer that may
  /// be Bounded also declares `parameters_for(int outputs)`.
  static constexpr bool takes_bound = false;
  /// Multiply-adds of one sample's forward, as torchinfo counts them.
  static constexpr std::int64_t multiply_adds(Shape) { return 0; }
};

}  // namespace frostline

namespace frostline::detail {

/// The shape of a layer's output, which may depend on the network's input (Upsample's does).
template <class Declaration>
constexpr Shape output_of(Shape in, Shape network_input) {
  if constexpr (requires { Declaration::output(in, network_input); })
    return Declaration::output(in, network_input);
  else
    return Declaration::output(in);
}

}  // namespace frostline::detail
