// SPDX-License-Identifier: MIT
// StateDict: the tensors that are stored in a file, by key; and their conversion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frostline/core/element_type.hpp"
#include "frostline/core/lender.hpp"

namespace frostline::detail {

static_assert(std::endian::native == std::endian::little,
              "frostline: reading weights requires a little-endian machine, as the files are");

/// A tensor in a mapped file: valid while the StateDict, or a copy of it, lives.
struct StoredTensor {
  ElementType type = ElementType::f32;
  std::vector<std::int64_t> extents;
  std::vector<std::int64_t> strides;  // in elements, not negative
  std::span<const std::byte> bytes;   // from its first element to its last; any alignment

  /// Units: elements.
  std::size_t size() const {
    std::size_t count = 1;
    for (const std::int64_t extent : extents) count *= static_cast<std::size_t>(extent);
    return count;
  }

  /// The elements in the file, if they are floats in row-major order; else nullopt.
  std::span<const float> in_place() const;

  /// Assigns all elements, in row-major order, converted to float.
  /// Throws: Error unless `out` has size() elements, or if one is too large for a float.
  void copy_to(std::span<float> out) const;

  /// The same; floating numbers lose their fractions, as in PyTorch's copy_.
  /// Throws: Error also if one is NaN or has no 64-bit integer.
  void copy_to(std::span<std::int64_t> out) const;
};

}  // namespace frostline::detail

namespace frostline {

/// The tensors of a file, and their file.
struct StateDict {
  std::map<std::string, detail::StoredTensor, std::less<>> tensors;
  std::map<std::string, std::string, std::less<>> metadata;  // safetensors only
  std::shared_ptr<const detail::Lender> owner;               // keeps the mapping alive
  // Descriptions, by key, of values that are not tensors or have an unsupported type.
  std::map<std::string, std::string, std::less<>> others = {};
};

}  // namespace frostline

namespace frostline::detail {

/// A number for each of some texts, which the map does not own. One type for all such maps, since
/// each takes a tenth of a second to compile.
using ByText = std::map<std::string_view, std::size_t>;

/// The number of elements, or nullopt if an extent is negative or the number exceeds int64.
std::optional<std::int64_t> count_elements(std::span<const std::int64_t> extents);

/// Units: elements. The extents must have passed count_elements.
std::vector<std::int64_t> row_major_strides(std::span<const std::int64_t> extents);

/// "[64, 3, 7, 7]", for messages.
std::string to_text(std::span<const std::int64_t> extents);

}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/io/weights/state_dict_body.hpp"
#endif
