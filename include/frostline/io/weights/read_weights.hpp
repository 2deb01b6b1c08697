// SPDX-License-Identifier: MIT
// Reads a file of weights of any supported format; its content tells the format.
#pragma once

#include <string>

#include "frostline/io/weights/state_dict.hpp"

namespace frostline {

/// The tensors of a PyTorch or safetensors file with any extension.
/// Throws: Error as the format's reader does, or with a list of the formats for another file.
StateDict read_weights(const std::string& path);

}  // namespace frostline

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/io/weights/read_weights_body.hpp"
#endif
