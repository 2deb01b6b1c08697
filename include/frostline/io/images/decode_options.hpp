// SPDX-License-Identifier: MIT
// DecodeOptions: how pictures are read.
#pragma once

#include <cstdint>

namespace frostline {

/// Pixels as they are stored, as in torchvision, or turned and mirrored as the camera's EXIF data
/// say, as by Pillow's ImageOps.exif_transpose.
enum class Orientation { as_stored, upright };

/// Options of all functions that read pictures.
/// Units: most_pixels limits width x height; a picture that declares more is an Error before memory
/// of that size is allocated. The default is Pillow's limit.
struct DecodeOptions {
  std::uint64_t most_pixels = 178'956'970;
  Orientation orientation = Orientation::as_stored;
};

}  // namespace frostline
