// SPDX-License-Identifier: MIT
// The bodies of core/format.hpp.
#pragma once

// fmt 9 gives up constexpr under nvcc but keeps consteval, which then cannot call anything.
#if defined(__CUDACC__) && !defined(FMT_USE_CONSTEXPR)
#define FMT_USE_CONSTEXPR 1
#endif

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "frostline/core/body.hpp"
#include "frostline/core/format.hpp"

namespace frostline::detail {

/// Throws: fmt::format_error if the place is not for a value of this type.
inline std::string format_value(std::string_view place, const FormatValue& value) {
  const auto formatted = [&](const auto& number) {
    return fmt::vformat(fmt::string_view(place.data(), place.size()),
                        fmt::make_format_args(number));
  };
  switch (value.kind) {
    case FormatValue::Kind::boolean: return formatted(value.boolean);
    case FormatValue::Kind::character: return formatted(value.character);
    case FormatValue::Kind::integer: return formatted(value.integer);
    case FormatValue::Kind::whole: return formatted(value.whole);
    case FormatValue::Kind::single: return formatted(value.single);
    case FormatValue::Kind::number: return formatted(value.number);
    default: return formatted(value.text);
  }
}

FROSTLINE_BODY std::string format_values(std::string_view format, const FormatValue* values) {
  std::string text;
  while (!format.empty()) {
    const std::size_t brace = format.find_first_of("{}");
    text += format.substr(0, brace);
    if (brace == std::string_view::npos) break;
    format.remove_prefix(brace);
    if (format.size() > 1 && format[1] == format[0]) {  // a brace of the text
      text += format[0];
      format.remove_prefix(2);
      continue;
    }
    const std::size_t length = std::min(format.find('}'), format.size() - 1) + 1;
    text += format_value(format.substr(0, length), *values++);
    format.remove_prefix(length);
  }
  return text;
}

}  // namespace frostline::detail
