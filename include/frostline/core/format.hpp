// SPDX-License-Identifier: MIT
// format_text: texts with values in them, by the fmt library.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

namespace frostline::detail {

/// A format whose places are counted at compile time. Their types are checked at run time, since
/// fmt's own check is instantiated again for each text in every program that includes frostline.
template <std::size_t Places>
struct Format {
  const char* text;
  consteval Format(const char* format) : text(format) {
    std::size_t places = 0;
    for (const char* c = format; *c != 0; ++c)
      if (*c == '{' && c[1] != '{')
        ++places;
      else if (*c == '{')
        ++c;  // a brace of the text
    if (places != Places) throw "frostline: format_text requires one value for each {}";
  }
};

/// A value for one place of a format. One type for all, since fmt's own list of arguments is
/// instantiated for each list of types.
struct FormatValue {
  enum class Kind : unsigned char { boolean, character, integer, whole, single, number, text } kind;
  union {
    bool boolean;
    char character;
    long long integer;
    unsigned long long whole;
    float single;
    double number;
    std::string_view text;
  };

  template <std::signed_integral T>
  FormatValue(T value) : kind(Kind::integer), integer(value) {}
  template <std::unsigned_integral T>
  FormatValue(T value) : kind(Kind::whole), whole(value) {}
  FormatValue(const void*) = delete;
  FormatValue(bool value) : kind(Kind::boolean), boolean(value) {}
  FormatValue(char value) : kind(Kind::character), character(value) {}
  FormatValue(float value) : kind(Kind::single), single(value) {}
  FormatValue(double value) : kind(Kind::number), number(value) {}
  FormatValue(const char* value) : kind(Kind::text), text(value) {}
  FormatValue(std::string_view value) : kind(Kind::text), text(value) {}
  FormatValue(const std::string& value) : kind(Kind::text), text(value) {}
};

/// The format's text with each {...} replaced by the next value.
std::string format_values(std::string_view format, const FormatValue* values);

/// "a {}" with each {...} replaced by a value, in fmt's format.
template <class... Values>
std::string format_text(std::type_identity_t<Format<sizeof...(Values)>> format,
                        const Values&... values) {
  const FormatValue list[]{FormatValue(values)..., FormatValue(false)};
  return format_values(format.text, list);
}

}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/core/format_body.hpp"
#endif
