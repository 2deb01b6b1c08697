// SPDX-License-Identifier: MIT
// A training on the terminal: progress bars, and a line for each epoch.
#pragma once

#include "frostline/train/fit.hpp"

namespace examples {

/// The options, with progress bars (of `what`, such as "pictures") and what is cached. Unless it is
/// given, on_epoch prints the epoch's losses and accuracy.
frostline::FitOptions watched(frostline::FitOptions options, const std::string& what = "pictures");

}  // namespace examples
