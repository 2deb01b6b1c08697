// SPDX-License-Identifier: MIT
// format_text: texts with values in them, by the fmt library.
#pragma once

// fmt 9 gives up constexpr under nvcc but keeps consteval, which then cannot call anything.
#if defined(__CUDACC__) && !defined(FMT_USE_CONSTEXPR)
#define FMT_USE_CONSTEXPR 1
#endif

#include <fmt/core.h>

#include <cstddef>
#include <string>
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

/// "a {}" with each {...} replaced by a value, in fmt's format.
template <class... Values>
std::string format_text(std::type_identity_t<Format<sizeof...(Values)>> format,
                        const Values&... values) {
  return fmt::vformat(format.text, fmt::make_format_args(values...));
}

}  // namespace frostline::detail
