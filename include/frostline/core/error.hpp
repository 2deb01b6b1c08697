// SPDX-License-Identifier: MIT
// Error, the exception of frostline.
#pragma once

#include <stdexcept>

namespace frostline {

/// The exception that frostline throws at run time. Its text names the file, the key, what was
/// found and what was expected.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace frostline
