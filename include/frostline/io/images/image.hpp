// SPDX-License-Identifier: MIT
// Reads JPEG and PNG files with Pillow's pixels, and writes PNG files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "frostline/io/images/decode_options.hpp"
#include "frostline/io/images/pixels.hpp"

namespace frostline {

/// Decodes the bytes of a JPEG or PNG, whose content tells the format; `name` is for messages.
/// Pixels are those of Pillow's `Image.open(f).convert("RGB")`: alpha is dropped, and a grey PNG of
/// 16 bits is clipped at 255 (as by Pillow 9.4, 10.4 and 13.0). A palette index without a colour is
/// black, as since Pillow 10 (9.4 uses the index as grey). The EXIF orientation is ignored, as in
/// torchvision, so a phone's photo may be rotated. With `Orientation::upright` the result is that
/// of Pillow's ImageOps.exif_transpose, for EXIF data in a JPEG or in a PNG's eXIf chunk. (An
/// orientation that is only in XMP is not read.) A JPEG that lacks only its end marker is accepted,
/// also with zeros instead of the marker.
/// Throws: Error for another format, for data that are truncated or damaged, for more pixels than
/// the options allow, or if there is too little memory.
Image decode_image(std::span<const std::byte> bytes, std::string_view name,
                   const DecodeOptions& options = {});

/// The image in a JPEG or PNG file; see decode_image.
/// Throws: Error, which names the file, also if it is missing, is a directory or cannot be read.
Image read_image(const std::filesystem::path& path, const DecodeOptions& options = {});

/// The bytes of a PNG file, RGB with eight bits per channel.
/// Throws: Error if the image is empty or its size and pixels disagree.
std::vector<std::byte> encode_png(const Image& image);

/// Writes the image as a PNG file, which gets its name only when it is complete.
/// Throws: Error, which names the file, if it cannot be written; see encode_png.
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace frostline

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/io/images/image_body.hpp"
#endif
