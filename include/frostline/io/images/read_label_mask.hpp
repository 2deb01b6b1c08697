// SPDX-License-Identifier: MIT
// Reads label masks from PNG files with palette indices or grey values.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "frostline/io/images/decode_options.hpp"
#include "frostline/io/images/label_mask.hpp"

namespace frostline {

/// The class numbers in a PNG's bytes; `name` is for messages. They are the indices of a palette
/// PNG, whatever their colours, or the stored values of a grey one.
/// The numbers are those of `numpy.array(Image.open(f))` for Pillow's modes "P", "1" (as 0 and 1),
/// "L" of eight bits and "I". Pillow scales grey of two and four bits to 0 ... 255; this function
/// does not, since the stored values are the classes.
/// Throws: Error for colours, alpha, a JPEG, values of 16 bits above 255, and as decode_image.
LabelMask decode_label_mask(std::span<const std::byte> bytes, std::string_view name,
                            const DecodeOptions& options = {});

/// The class numbers in a PNG file; see decode_label_mask.
/// Throws: Error, which names the file, also if it is missing, is a directory or cannot be read.
LabelMask read_label_mask(const std::filesystem::path& path, const DecodeOptions& options = {});

}  // namespace frostline

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/io/images/read_label_mask_body.hpp"
#endif
