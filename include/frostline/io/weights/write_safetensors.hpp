// SPDX-License-Identifier: MIT
// Writes safetensors files.
#pragma once

#include <cstdint>
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

/// Writes a safetensors file, which replaces an old one only when it is complete. Numbers are
/// rounded to nearest in F16 and BF16; NaN and infinity stay as they are.
/// Throws: Error if two keys are equal, data do not fit a tensor's extents or type, a number would
/// become infinite, or the file cannot be written.
void write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace frostline

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/io/weights/write_safetensors_body.hpp"
#endif
