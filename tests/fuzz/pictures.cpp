// SPDX-License-Identifier: MIT
// Fuzzes the decoding of JPEG and PNG, as pictures and as label masks, and their transforms. Only
// frostline::Error may be thrown, and a picture written as PNG must come back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <frostline/core/error.hpp>
#include <frostline/io/images/decode_options.hpp>
#include <frostline/io/images/image.hpp>
#include <frostline/io/images/nearest.hpp>
#include <frostline/io/images/read_label_mask.hpp>
#include <frostline/io/images/resize.hpp>
#include <span>

namespace fl = frostline;

namespace {

// Few pixels, so that no input takes long.
constexpr fl::DecodeOptions options{.most_pixels = 1 << 16,
                                    .orientation = fl::Orientation::upright};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data, size));
  const int width = 1 + data[size - 1] % 64, height = 1 + data[size / 2] % 64;  // after resizing
  try {
    const fl::Image image = fl::decode_image(bytes, "input", options);
    if (fl::decode_image(fl::encode_png(image), "copy") != image) std::abort();
    const fl::detail::Box half{0, 0, float(image.width), float(image.height) / 2};
    fl::resize(image, width, height);
    fl::resize(image, width, height, half);
    fl::resize_nearest(image, width, height, half);
  } catch (const fl::Error&) {
  }
  try {
    fl::resize_nearest(fl::decode_label_mask(bytes, "input", options), width, height);
  } catch (const fl::Error&) {
  }
  return 0;
}
