// SPDX-License-Identifier: MIT
// format_text gives what fmt gives for the same format and values.
#include "frostline/core/format.hpp"

#include <fmt/core.h>

#include <array>
#include <cstdint>
#include <limits>

#include "support/catch.hpp"
#include "support/internals.hpp"

namespace frostline::test::format_test {
namespace {

template <class... Values>
void require_as_fmt(const char* format, const Values&... values) {
  REQUIRE(
      format_values(format, std::array<FormatValue, sizeof...(Values) + 1>{FormatValue(values)...,
                                                                           FormatValue(false)}
                                .data()) == fmt::vformat(format, fmt::make_format_args(values...)));
}

TEST_CASE("a text has its values in order and in fmt's formats") {
  require_as_fmt("no values");
  require_as_fmt("{}{}", 1, std::string("two"));
  require_as_fmt("a {{.brace}} around {}, {{{}}}", 1.5, "text");
  require_as_fmt("{} {} {} {}", true, 'c', std::int8_t(-3), std::uint8_t(200));
  require_as_fmt("{} {}", std::numeric_limits<std::int64_t>::min(), std::size_t(-1));
  require_as_fmt("{} {} {:.3g} {:.4f}", 0.1f, 0.1, 1e7, 2.0f);
  require_as_fmt("{:<8}|{:>8}|{:>5}|{:02x}|{:#04x}", "left", std::string_view("right"), -7, 10, 5u);
  REQUIRE(format_text("{}x{}", 3, std::string("}{")) == "3x}{");  // a value is no format
}

}  // namespace
}  // namespace frostline::test::format_test
