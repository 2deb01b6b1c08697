// SPDX-License-Identifier: MIT
// Shows a training on the terminal: progress bars, and a line per epoch.
#pragma once

#include "frostline/train/fit.hpp"

namespace examples {

/// Adds progress bars (of `what`, such as "pictures") and a line about cached features to the
/// options. If on_epoch is empty, it is set to print the epoch's losses and accuracy.
frostline::FitOptions watched(frostline::FitOptions options, const std::string& what = "pictures");

}  // namespace examples
