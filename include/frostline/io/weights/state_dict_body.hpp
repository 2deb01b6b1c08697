// SPDX-License-Identifier: MIT
// The bodies of io/weights/state_dict.hpp: conversion of stored tensors to float and int64.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "frostline/core/body.hpp"
#include "frostline/core/element_type.hpp"
#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/weights/half.hpp"
#include "frostline/io/weights/state_dict.hpp"

namespace frostline::detail {

/// Evenly spaced elements. Units: elements.
struct Run {
  std::int64_t first, step, count;
};

/// A tensor's elements in row-major order, in as few runs as possible.
inline std::vector<Run> runs_of(const StoredTensor& tensor) {
  const auto& extents = tensor.extents;
  const auto& strides = tensor.strides;
  std::vector<Run> runs;
  if (tensor.size() == 0) return runs;
  std::int64_t count = 1, step = 0;
  std::size_t outer = extents.size();  // the axes that do not fit into one run
  for (; outer > 0; --outer) {
    const std::int64_t extent = extents[outer - 1], stride = strides[outer - 1];
    if (extent == 1) continue;
    if (count != 1 && stride != step * count) break;
    if (count == 1) step = stride;
    count *= extent;
  }
  std::vector<std::int64_t> index(outer);
  std::int64_t first = 0;
  for (bool more = true; more;) {
    runs.push_back({first, step, count});
    more = false;
    for (std::size_t axis = outer; axis-- > 0 && !more;) {
      more = ++index[axis] < extents[axis];
      if (more) {
        first += strides[axis];
      } else {
        index[axis] = 0;
        first -= strides[axis] * (extents[axis] - 1);
      }
    }
  }
  return runs;
}

inline std::int64_t truncated(double number) {
  if (!(number >= -0x1p63 && number < 0x1p63))
    throw Error(format_text("it is {}, which is not a 64-bit integer", number));
  return static_cast<std::int64_t>(number);
}

inline float narrowed(double number) {
  const auto result = static_cast<float>(number);
  if (std::isinf(result) && !std::isinf(number))
    throw Error(format_text("it holds {}, which is too large for a float", number));
  return result;
}

template <class Element>
Element element_at(const std::byte* from) {
  Element element;
  std::memcpy(&element, from, sizeof element);
  return element;
}

/// Converts an element of any type; a floating number loses its fraction.
/// Throws: Error if the result is not a 64-bit integer.
inline std::int64_t integer_at(ElementType type, const std::byte* from) {
  switch (type) {
    case ElementType::f16: return truncated(float_from_f16(element_at<std::uint16_t>(from)));
    case ElementType::bf16: return truncated(float_from_bf16(element_at<std::uint16_t>(from)));
    case ElementType::f32: return truncated(element_at<float>(from));
    case ElementType::f64: return truncated(element_at<double>(from));
    case ElementType::u8: return element_at<std::uint8_t>(from);
    case ElementType::i8: return element_at<std::int8_t>(from);
    case ElementType::i16: return element_at<std::int16_t>(from);
    case ElementType::i32: return element_at<std::int32_t>(from);
    case ElementType::i64: return element_at<std::int64_t>(from);
    case ElementType::boolean: break;
  }
  return element_at<std::uint8_t>(from) != 0 ? 1 : 0;
}

/// Calls convert(address) for each element in row-major order.
template <class Out, class Convert>
void convert_elements(const StoredTensor& tensor, std::span<Out> out, Convert convert) {
  Out* next = out.data();
  const auto size = static_cast<std::int64_t>(size_of(tensor.type));
  for (const Run& run : runs_of(tensor)) {
    const std::byte* const first = tensor.bytes.data() + run.first * size;
    const std::int64_t step = run.step * size;
    for (std::int64_t i = 0; i < run.count; ++i) *next++ = convert(first + i * step);
  }
}

inline void require_size(const StoredTensor& tensor, std::size_t wanted) {
  if (tensor.size() != wanted)
    throw Error(format_text("a stored tensor of extents {} has {} elements, not the {} asked for",
                            to_text(tensor.extents), tensor.size(), wanted));
}

FROSTLINE_BODY std::span<const float> StoredTensor::in_place() const {
  const auto runs = runs_of(*this);
  const bool in_order = runs.size() == 1 && (runs[0].step == 1 || runs[0].count == 1);
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  if (type != ElementType::f32 || !in_order || address % alignof(float) != 0) return {};
  return {reinterpret_cast<const float*>(bytes.data()) + runs[0].first, size()};
}

FROSTLINE_BODY void StoredTensor::copy_to(std::span<float> out) const {
  require_size(*this, out.size());
  using Bytes = const std::byte*;
  switch (type) {  // a loop for each floating type, since whole networks are stored as one
    case ElementType::f16:
      return convert_elements(
          *this, out, [](Bytes from) { return float_from_f16(element_at<std::uint16_t>(from)); });
    case ElementType::bf16:
      return convert_elements(
          *this, out, [](Bytes from) { return float_from_bf16(element_at<std::uint16_t>(from)); });
    case ElementType::f32: return convert_elements(*this, out, element_at<float>);
    case ElementType::f64:
      return convert_elements(*this, out,
                              [](Bytes from) { return narrowed(element_at<double>(from)); });
    default:
      return convert_elements(
          *this, out, [this](Bytes from) { return static_cast<float>(integer_at(type, from)); });
  }
}

FROSTLINE_BODY void StoredTensor::copy_to(std::span<std::int64_t> out) const {
  require_size(*this, out.size());
  convert_elements(*this, out, [this](const std::byte* from) { return integer_at(type, from); });
}

FROSTLINE_BODY std::optional<std::int64_t> count_elements(std::span<const std::int64_t> extents) {
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t extent : extents) {
    if (extent < 0) return std::nullopt;
    if (extent == 0) empty = true;
    const std::int64_t factor = std::max<std::int64_t>(extent, 1);
    if (count > std::numeric_limits<std::int64_t>::max() / factor) return std::nullopt;
    count *= factor;
  }
  return empty ? 0 : count;
}

FROSTLINE_BODY std::vector<std::int64_t> row_major_strides(std::span<const std::int64_t> extents) {
  std::vector<std::int64_t> strides(extents.size());
  std::int64_t stride = 1;
  for (std::size_t axis = extents.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= std::max<std::int64_t>(extents[axis], 1);
  }
  return strides;
}

FROSTLINE_BODY std::string to_text(std::span<const std::int64_t> extents) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < extents.size(); ++axis)
    text += format_text("{}{}", axis == 0 ? "" : ", ", extents[axis]);
  return text + "]";
}

}  // namespace frostline::detail
