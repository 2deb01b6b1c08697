// SPDX-License-Identifier: MIT
// What a user chooses about the reading of pictures.
#pragma once

#include <cstdint>

namespace frostline {

/// As the pixels are stored, which is how torchvision takes them, or turned and mirrored as the
/// camera's EXIF data say, which is what Pillow's ImageOps.exif_transpose does.
enum class Orientation { as_stored, upright };

/// Options of read_image, decode_image and what is built on them.
/// Units: most_pixels counts width x height; a picture that declares more is an Error before
/// anything of that size is allocated. The default is where Pillow's error begins.
struct DecodeOptions {
  std::uint64_t most_pixels = 178'956'970;
  Orientation orientation = Orientation::as_stored;
};

}  // namespace frostline
