// SPDX-License-Identifier: MIT
// Fuzzes the decoding of JPEG and PNG, and what is done with the picture then. Only
// frostline::Error may be thrown, and a picture written as PNG must come back the same.
#include <turbojpeg.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <frostline/core/error.hpp>
#include <frostline/io/image.hpp>
#include <frostline/io/resize.hpp>
#include <iterator>
#include <span>

namespace {

constexpr std::uint64_t most_pixels = 1 << 16;  // so that no input takes long

bool declares_too_many_pixels(std::span<const std::uint8_t> bytes) {
  std::uint64_t width = 0, height = 0;
  if (bytes.size() >= 24 && bytes[0] == 0x89) {
    for (std::size_t i = 16; i < 20; ++i) width = width << 8 | bytes[i];
    for (std::size_t i = 20; i < 24; ++i) height = height << 8 | bytes[i];
  } else {
    void* const decoder = tjInitDecompress();
    int across = 0, down = 0, subsampling = 0, colorspace = 0;
    tjDecompressHeader3(decoder, bytes.data(), static_cast<unsigned long>(bytes.size()), &across,
                        &down, &subsampling, &colorspace);
    tjDestroy(decoder);
    width = static_cast<std::uint64_t>(std::max(across, 0));
    height = static_cast<std::uint64_t>(std::max(down, 0));
  }
  return width * height > most_pixels;  // of 32 bits each
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(data, size);
  if (size == 0 || declares_too_many_pixels(bytes)) return 0;
  try {
    const frostline::Image image = frostline::decode_image(std::as_bytes(bytes), "input");
    if (frostline::decode_image(frostline::encode_png(image), "copy") != image) std::abort();
    // The last bytes are the size that it gets.
    const int width = 1 + bytes[size - 1] % 64, height = 1 + bytes[size / 2] % 64;
    frostline::resize(image, width, height);
    const frostline::Box half{0, 0, float(image.width), float(image.height) / 2};
    frostline::resize(image, width, height, half);
  } catch (const frostline::Error&) {
  }
  return 0;
}
