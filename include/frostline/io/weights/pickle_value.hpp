// SPDX-License-Identifier: MIT
// The contents of a pickle as plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace frostline::detail {

/// One value of a pickle. It refers to other values by index, so shared and cyclic values cost
/// nothing. Calls that Python would make are recorded and never made.
struct PickleValue {
  using Index = std::uint32_t;
  // clang-format off
  enum class Kind {
    none, boolean, integer, big_integer, real, text, bytes,  // big_integer: over 8 bytes
    list, tuple, dictionary, global, call, persistent
  };
  // clang-format on
  Kind kind = Kind::none;
  std::int64_t integer = 0;  // also of a boolean
  double real = 0;
  std::string_view text = {};  // of text, bytes and big_integer; of a global: "module.name"
  // Of a dictionary: key, value, key, value, ...; of a call: function, arguments, the state that
  // its result gets (or no_state), and then the keys and values with which its result is filled.
  std::vector<Index> items = {};

  static constexpr Index no_state = 0xffffffff;

  /// The entries of a dictionary, or of an object that is filled like one: key, value, key, ...
  std::span<const Index> entries() const {
    if (kind == Kind::call) return std::span(items).subspan(3);
    return kind == Kind::dictionary ? std::span(items) : std::span<const Index>{};
  }
};

struct Pickle {
  std::vector<PickleValue> values;
  PickleValue::Index root = 0;
  std::size_t length = 0;                                      // in bytes, as far as and with STOP
  std::vector<std::unique_ptr<const std::string>> texts = {};  // those that are not in the file

  /// Of no_state, None.
  const PickleValue& operator[](PickleValue::Index index) const {
    static const PickleValue none{};
    return index < values.size() ? values[index] : none;
  }
  const PickleValue& top() const { return values[root]; }
};

}  // namespace frostline::detail
