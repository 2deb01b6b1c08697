// SPDX-License-Identifier: MIT
// Reads a file of weights of any supported format, told by its content.
#pragma once

#include <filesystem>

#include "frostline/io/weights/state_dict.hpp"

namespace frostline {

/// The tensors of a PyTorch or safetensors file, whatever its name ends with.
/// Throws: Error as the format's own reader does, or with a list of the formats for another file.
StateDict read_weights(const std::filesystem::path& path);

}  // namespace frostline

// Compiled once by frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/io/weights/read_weights_body.hpp"
#endif
