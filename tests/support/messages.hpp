// SPDX-License-Identifier: MIT
// REQUIRE_ERROR: an expression throws frostline's Error, whose text contains these words.
#pragma once

#include <string>

#include "frostline/core/error.hpp"
#include "support/catch.hpp"

namespace frostline::test {

template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace frostline::test

#define REQUIRE_ERROR(expression, words)                                                \
  do {                                                                                  \
    const std::string message = frostline::test::error_of([&] { (void)(expression); }); \
    INFO("message: " << message);                                                       \
    REQUIRE(message.find(words) != std::string::npos);                                  \
  } while (false)
