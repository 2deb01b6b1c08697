// SPDX-License-Identifier: MIT
// Decoding of JPEG with TurboJPEG, to Pillow's pixels.
#pragma once

#include <turbojpeg.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frostline/io/images/decode_options.hpp"
#include "frostline/io/images/exif.hpp"
#include "frostline/io/images/jpeg_markers.hpp"
#include "frostline/io/images/pixels.hpp"

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

/// The bytes without the zeros at their end, and with an end marker.
inline std::vector<std::uint8_t> with_end(std::span<const std::uint8_t> bytes,
                                          std::string_view name) {
  std::size_t size = bytes.size();
  while (bytes[size - 1] == 0) --size;
  if (bytes[size - 1] == 0xff && size < bytes.size()) ++size;  // ff 00 encodes one byte of data
  std::vector<std::uint8_t> ended = allocate(size + 2, format_text("the file '{}'", name));
  std::copy_n(bytes.begin(), size, ended.begin());
  ended[size] = 0xff;
  ended[size + 1] = 0xd9;
  return ended;
}

/// Converts CMYK as Pillow does: the inks are inverted, as Adobe writes them.
/// Shapes: ink is height x width x 4 -> pixels height x width x 3.
inline void mix_inks(const std::vector<std::uint8_t>& ink, std::vector<std::uint8_t>& pixels) {
  for (std::size_t pixel = 0; pixel * 4 < ink.size(); ++pixel)
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const int light = ink[pixel * 4 + 3];
      const int product = (255 - ink[pixel * 4 + channel]) * light + 128;
      pixels[pixel * 3 + channel] =
          static_cast<std::uint8_t>(std::max(0, light - ((product + (product >> 8)) >> 8)));
    }
}

/// Decodes once. If the decoder warns, the picture is accepted, as by Pillow, if `may_be_damaged`
/// is set and all of its rows were decoded.
/// Throws: Error if the decoder refuses the data or stops early.
inline Image decode_jpeg_scans(std::span<const std::uint8_t> bytes, std::string_view name,
                               const DecodeOptions& options, std::uint64_t least_size,
                               bool may_be_damaged) {
  const JpegDecoder decoder;
  if (!decoder.handle) fail_image(name, tjGetErrorStr2(nullptr));
  const auto size = static_cast<unsigned long>(bytes.size());
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int colorspace = TJCS_YCbCr;
  // It also refuses chroma layouts that it has no name for, although it can decode them.
  tjDecompressHeader3(decoder.handle, bytes.data(), size, &width, &height, &subsampling,
                      &colorspace);
  if (width < 1 || height < 1) fail_image(name, tjGetErrorStr2(decoder.handle));
  const auto wide = static_cast<std::uint64_t>(width);
  const auto high = static_cast<std::uint64_t>(height);
  check_size(wide, high, options.most_pixels, name);
  if (size < least_size) fail_image(name, "the file is truncated: it is too small for its pixels");

  const std::string what = picture_text(name, wide, high);
  Image image = allocate_image(wide, high, what);
  const bool has_ink = colorspace == TJCS_CMYK || colorspace == TJCS_YCCK;
  std::vector<std::uint8_t> ink = allocate(has_ink ? wide * high * 4 : 0, what);
  std::vector<std::uint8_t>& output = has_ink ? ink : image.pixels;
  // After a warning TurboJPEG reports an error as a warning too, but leaves rows unwritten: then
  // the last row still has this noise.
  const std::size_t row = output.size() / static_cast<std::size_t>(height);
  std::vector<std::uint8_t> noise = allocate(row, what);
  for (std::size_t i = 0; i < row; ++i) noise[i] = static_cast<std::uint8_t>(i * 0x9e3779b1 >> 13);
  std::copy(noise.begin(), noise.end(), output.end() - static_cast<std::ptrdiff_t>(row));
  constexpr int flags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS;
  const bool warned = tjDecompress2(decoder.handle, bytes.data(), size, output.data(), width, 0,
                                    height, has_ink ? TJPF_CMYK : TJPF_RGB, flags) != 0;
  if (warned) {
    const bool gave_up = tjGetErrorCode(decoder.handle) != TJERR_WARNING;
    if (gave_up)
      fail_image(name,
                 format_text("{} ({}x{} pixels)", tjGetErrorStr2(decoder.handle), width, height));
    if (!may_be_damaged) fail_image(name, "the file is truncated");
    if (std::equal(noise.begin(), noise.end(), output.end() - static_cast<std::ptrdiff_t>(row)))
      fail_image(name, "its JPEG data is damaged");
  }
  mix_inks(ink, image.pixels);
  return image;
}

/// Throws: Error for truncated data, or if the decoder stops early because of damage.
inline Image decode_jpeg(std::span<const std::uint8_t> bytes, std::string_view name,
                         const DecodeOptions& options) {
  const JpegMarkers markers(bytes);
  Image image;
  if (markers.ends()) {
    image = decode_jpeg_scans(bytes, name, options, markers.least_size(), true);
  } else {
    // If data are missing, the decoder fills in grey and only warns; if a whole scan is missing, it
    // does not even warn.
    const std::vector<std::uint8_t> ended = with_end(bytes, name);
    if (!JpegMarkers(ended).complete()) fail_image(name, "the file is truncated");
    image = decode_jpeg_scans(ended, name, options, markers.least_size(), false);
  }
  if (options.orientation == Orientation::upright)
    image.pixels = turn_upright(std::move(image.pixels), image.width, image.height, 3,
                                exif_orientation(markers.exif()), name);
  return image;
}

}  // namespace frostline::detail
