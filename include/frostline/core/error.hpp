// SPDX-License-Identifier: MIT
// The exception that frostline throws.
#pragma once

#include <stdexcept>

namespace frostline {

/// What frostline throws at run time; its text names the file, the key and what was found and
/// wanted.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace frostline
