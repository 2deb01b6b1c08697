// SPDX-License-Identifier: MIT
// Decoding of JPEG with TurboJPEG, to Pillow's pixels.
#pragma once

#include <turbojpeg.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

#include "frostline/io/pixels.hpp"

namespace frostline::detail {

struct JpegDecoder {
  void* handle = tjInitDecompress();

  JpegDecoder() = default;
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;
  ~JpegDecoder() {
    if (handle) tjDestroy(handle);
  }
};

/// Whether a JPEG has an end marker behind its first scan: not merely that of a thumbnail before.
inline bool has_end(std::span<const std::uint8_t> bytes) {
  constexpr int start_of_scan = 0xda;
  constexpr std::uint8_t end_of_image[] = {0xff, 0xd9};
  std::size_t at = 2;
  while (at + 4 <= bytes.size()) {
    const int marker = bytes[at + 1];
    const bool has_length = marker >= 0xc0 && marker < 0xff && (marker & 0xf8) != 0xd0;
    if (bytes[at] == 0xff && marker == start_of_scan) break;
    const int length = bytes[at + 2] * 256 + bytes[at + 3];
    at += bytes[at] == 0xff && has_length ? 2 + static_cast<std::size_t>(length) : 1;
  }
  const auto scan = bytes.subspan(std::min(at, bytes.size()));
  return std::search(scan.begin(), scan.end(), std::begin(end_of_image), std::end(end_of_image)) !=
         scan.end();
}

/// Decodes over bytes that are all `background`, and says whether the decoder warned.
/// Throws: Error if the decoder fails before it warns.
inline bool decode_jpeg_over(std::span<const std::uint8_t> bytes, std::string_view name,
                             std::uint8_t background, Image& image) {
  const JpegDecoder decoder;
  if (!decoder.handle) fail_image(name, tjGetErrorStr2(nullptr));
  const auto size = static_cast<unsigned long>(bytes.size());
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int colorspace = TJCS_YCbCr;
  // It also refuses what it can decode: chroma layouts that it has no name for.
  tjDecompressHeader3(decoder.handle, bytes.data(), size, &width, &height, &subsampling,
                      &colorspace);
  if (width < 1 || height < 1) fail_image(name, tjGetErrorStr2(decoder.handle));

  image =
      allocate_image(static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(height), name);
  const bool has_ink = colorspace == TJCS_CMYK || colorspace == TJCS_YCCK;
  std::vector<std::uint8_t> ink(has_ink ? image.pixels.size() / 3 * 4 : 0);
  std::vector<std::uint8_t>& output = has_ink ? ink : image.pixels;
  std::fill(output.begin(), output.end(), background);
  constexpr int flags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS;
  const bool warned = tjDecompress2(decoder.handle, bytes.data(), size, output.data(), width, 0,
                                    height, has_ink ? TJPF_CMYK : TJPF_RGB, flags) != 0;
  if (warned && tjGetErrorCode(decoder.handle) != TJERR_WARNING)
    fail_image(name, tjGetErrorStr2(decoder.handle));

  // Like Pillow, take the inks as Adobe writes them: inverted, so that they are light.
  for (std::size_t pixel = 0; pixel * 4 < ink.size(); ++pixel)
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const int light = ink[pixel * 4 + 3];
      const int product = (255 - ink[pixel * 4 + channel]) * light + 128;
      image.pixels[pixel * 3 + channel] =
          static_cast<std::uint8_t>(std::max(0, light - ((product + (product >> 8)) >> 8)));
    }
  return warned;
}

/// Throws: Error for data that is cut, or so damaged that the decoder gives up.
inline Image decode_jpeg(std::span<const std::uint8_t> bytes, std::string_view name) {
  // The decoder would paint what is missing grey, and only warn.
  if (!has_end(bytes)) fail_image(name, "the file is truncated");
  Image image;
  if (decode_jpeg_over(bytes, name, 0, image)) {
    // After a warning TurboJPEG reports an error as a warning too, but leaves rows unwritten.
    Image again;
    decode_jpeg_over(bytes, name, 255, again);
    if (image != again) fail_image(name, "its JPEG data is damaged");
  }
  return image;
}

}  // namespace frostline::detail
