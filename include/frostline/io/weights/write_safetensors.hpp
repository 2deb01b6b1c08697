// SPDX-License-Identifier: MIT
// Writes safetensors files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "frostline/core/element_type.hpp"

namespace frostline {

/// A tensor to be written, row-major.
struct TensorToWrite {
  std::string key;
  std::vector<std::int64_t> extents;
  ElementType type = ElementType::f32;  // f32, f16 or bf16 of floats; i64 of integers
  std::variant<std::span<const float>, std::span<const std::int64_t>> data;
};

/// Writes a safetensors file, which replaces one of this name only when it is complete.
/// F16 and BF16 round to nearest, what is too small to 0; NaN and infinity are written as such.
/// Throws: Error for a key that is there twice, for data that do not fit a tensor's extents or
/// type, for a number that would become infinite, and when the file cannot be written.
void write_safetensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace frostline

// Compiled once by frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/io/weights/write_safetensors_body.hpp"
#endif
