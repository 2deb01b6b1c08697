// SPDX-License-Identifier: MIT
// The bodies of io/weights/state_dict.hpp: conversion of stored tensors to float and int64.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "frostline/core/body.hpp"
#include "frostline/core/element_type.hpp"
#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/weights/half.hpp"
#include "frostline/io/weights/state_dict.hpp"

namespace frostline {

namespace detail {

/// Evenly spaced elements. Units: elements.
struct Run {
  std::int64_t first, step, count;
};

/// A tensor's elements in row-major order, as few runs.
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

template <class Element, class Out, class Convert>
void convert_elements(const StoredTensor& tensor, std::span<Out> out, Convert convert) {
  Out* next = out.data();
  const std::byte* const bytes = tensor.bytes.data();
  const auto size = static_cast<std::int64_t>(sizeof(Element));
  for (const Run& run : runs_of(tensor))
    for (std::int64_t i = 0; i < run.count; ++i) {
      Element element;
      std::memcpy(&element, bytes + (run.first + i * run.step) * size, sizeof(Element));
      *next++ = convert(element);
    }
}

inline std::int64_t truncated(double number) {
  if (!(number >= -0x1p63 && number < 0x1p63))
    throw Error(format_text("it is {}, which is no 64-bit integer", number));
  return static_cast<std::int64_t>(number);
}

inline float narrowed(double number) {
  const auto result = static_cast<float>(number);
  if (std::isinf(result) && !std::isinf(number))
    throw Error(format_text("it holds {}, which is too large for a float", number));
  return result;
}

inline void require_size(const StoredTensor& tensor, std::size_t wanted) {
  if (tensor.size() != wanted)
    throw Error(format_text("a stored tensor of extents {} has {} elements, not the {} asked for",
                            to_text(tensor.extents), tensor.size(), wanted));
}

}  // namespace detail

FROSTLINE_BODY std::span<const float> StoredTensor::in_place() const {
  const auto runs = detail::runs_of(*this);
  const bool in_order = runs.size() == 1 && (runs[0].step == 1 || runs[0].count == 1);
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  if (type != ElementType::f32 || !in_order || address % alignof(float) != 0) return {};
  return {reinterpret_cast<const float*>(bytes.data()) + runs[0].first, size()};
}

FROSTLINE_BODY void StoredTensor::copy_to(std::span<float> out) const {
  detail::require_size(*this, out.size());
  const auto cast = [](auto element) { return static_cast<float>(element); };
  const auto truth = [](std::uint8_t element) { return element != 0 ? 1.0f : 0.0f; };
  using detail::convert_elements;
  switch (type) {
    case ElementType::f16: return convert_elements<std::uint16_t>(*this, out, float_from_f16);
    case ElementType::bf16: return convert_elements<std::uint16_t>(*this, out, float_from_bf16);
    case ElementType::f32: return convert_elements<float>(*this, out, cast);
    case ElementType::f64: return convert_elements<double>(*this, out, detail::narrowed);
    case ElementType::u8: return convert_elements<std::uint8_t>(*this, out, cast);
    case ElementType::i8: return convert_elements<std::int8_t>(*this, out, cast);
    case ElementType::i16: return convert_elements<std::int16_t>(*this, out, cast);
    case ElementType::i32: return convert_elements<std::int32_t>(*this, out, cast);
    case ElementType::i64: return convert_elements<std::int64_t>(*this, out, cast);
    case ElementType::boolean: return convert_elements<std::uint8_t>(*this, out, truth);
  }
}

FROSTLINE_BODY void StoredTensor::copy_to(std::span<std::int64_t> out) const {
  detail::require_size(*this, out.size());
  const auto cast = [](auto element) { return static_cast<std::int64_t>(element); };
  const auto truth = [](std::uint8_t element) { return std::int64_t{element != 0}; };
  using detail::convert_elements;
  switch (type) {
    case ElementType::u8: return convert_elements<std::uint8_t>(*this, out, cast);
    case ElementType::i8: return convert_elements<std::int8_t>(*this, out, cast);
    case ElementType::i16: return convert_elements<std::int16_t>(*this, out, cast);
    case ElementType::i32: return convert_elements<std::int32_t>(*this, out, cast);
    case ElementType::i64: return convert_elements<std::int64_t>(*this, out, cast);
    case ElementType::boolean: return convert_elements<std::uint8_t>(*this, out, truth);
    case ElementType::f16:
      return convert_elements<std::uint16_t>(
          *this, out, [](std::uint16_t half) { return detail::truncated(float_from_f16(half)); });
    case ElementType::bf16:
      return convert_elements<std::uint16_t>(
          *this, out, [](std::uint16_t half) { return detail::truncated(float_from_bf16(half)); });
    case ElementType::f32: return convert_elements<float>(*this, out, detail::truncated);
    case ElementType::f64: return convert_elements<double>(*this, out, detail::truncated);
  }
}

}  // namespace frostline
