// SPDX-License-Identifier: MIT
// What a pickle holds, as plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace frostline {

/// One value of a pickle. Others are named by index, so shared and cyclic values cost nothing.
/// Whatever Python would make by a call is recorded as that call, and never made.
struct PickleValue {
  using Index = std::uint32_t;
  // clang-format off
  enum class Kind {
    none, boolean, integer, big_integer, real, text, bytes,  // big_integer: over 8 bytes
    list, tuple, dictionary, global, call, persistent
  };
  // clang-format on
  Kind kind = Kind::none;
  std::int64_t integer = 0;  // of a boolean, too
  double real = 0;
  std::string_view text = {};  // of text, bytes and big_integer; of a global: "module.name"
  // Of a dictionary: key, value, key, value, ...; of a call: function, arguments, the state that
  // its result is given (or no_state), and then what its result is filled with as a dictionary.
  std::vector<Index> items = {};

  static constexpr Index no_state = 0xffffffff;

  /// Of a dictionary, or of an object that is filled like one: key, value, key, value, ...
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

}  // namespace frostline
