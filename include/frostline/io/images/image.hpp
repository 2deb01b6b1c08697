// SPDX-License-Identifier: MIT
// Images in memory: read from JPEG and PNG files with Pillow's pixels, written as PNG.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "frostline/io/images/decode_options.hpp"
#include "frostline/io/images/pixels.hpp"

namespace frostline {

/// The image in a JPEG's or a PNG's bytes, told apart by content; `name` is for messages.
/// Pixels are those of Pillow's `Image.open(f).convert("RGB")`: alpha is dropped, a grey PNG of 16
/// bits clipped at 255 (by Pillow 9.4, 10.4 and 13.0 alike). A palette index without a colour is
/// black, as from Pillow 10 (9.4 repeats the index as grey).
/// The EXIF orientation is ignored, as torchvision ignores it, so that photos of a phone may lie on
/// their side; with `Orientation::upright` the result is that of Pillow's ImageOps.exif_transpose,
/// for EXIF data in a JPEG or in a PNG's eXIf chunk. (Orientation in XMP alone is not read.)
/// A JPEG that lacks no more than its end marker is whole; zeros may stand in the marker's place.
/// Throws: Error for what is neither, is truncated or damaged, has more pixels than the options
/// allow or takes more memory than there is.
Image decode_image(std::span<const std::byte> bytes, std::string_view name,
                   const DecodeOptions& options = {});

/// The image in a JPEG or PNG file; see decode_image.
/// Throws: Error, which names the file, also if it is missing, a directory or unreadable.
Image read_image(const std::filesystem::path& path, const DecodeOptions& options = {});

/// The bytes of a PNG file, RGB of eight bits a channel.
/// Throws: Error if the image is empty or its size and pixels disagree.
std::vector<std::byte> encode_png(const Image& image);

/// Writes the image as a PNG file, which takes its name only when it is complete.
/// Throws: Error, which names the file, if it cannot be written; see encode_png.
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace frostline

// Compiled once by frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/io/images/image_body.hpp"
#endif
