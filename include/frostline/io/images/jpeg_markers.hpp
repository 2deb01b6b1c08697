// SPDX-License-Identifier: MIT
// JpegMarkers: finds out whether a JPEG is complete, and where its EXIF data are.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <vector>

namespace frostline::detail {

/// The markers of a JPEG, found as libjpeg finds them: bytes between them are a scan's data or
/// garbage. Source: ITU-T T.81, annex B.
class JpegMarkers {
 public:
  explicit JpegMarkers(std::span<const std::uint8_t> bytes) {
    std::size_t at = 2, first_scan = bytes.size();
    while (at + 2 <= bytes.size()) {
      const std::uint8_t marker = bytes[at + 1];
      if (bytes[at] != 0xff || !begins_segment(marker)) {
        if (bytes[at] == 0xff && marker == end_of_image && scans_ > 0) break;
        ++at;
        continue;
      }
      const std::size_t length = at + 4 > bytes.size() ? 0 : bytes[at + 2] * 256u + bytes[at + 3];
      if (length < 2) break;
      read_segment(marker, bytes.subspan(at + 2, std::min(length, bytes.size() - at - 2)));
      at += 2 + length;
      if (scans_ > 0) first_scan = std::min(at, first_scan);
    }
    // Because of damage the end marker may have been missed; then the decoder decides.
    const auto rest = bytes.subspan(first_scan);
    constexpr std::uint8_t end[] = {0xff, end_of_image};
    ends_ = std::search(rest.begin(), rest.end(), std::begin(end), std::end(end)) != rest.end();
  }

  /// Whether an end marker follows a scan; a thumbnail's end marker before it does not count.
  bool ends() const { return ends_; }

  /// Whether the scans, if each is complete, have all bits of all coefficients, in a coding whose
  /// decoder notices missing data (arithmetic coding does not).
  bool complete() const {
    return huffman_ && !components_.empty() &&
           std::all_of(components_.begin(), components_.end(), [](const Component& component) {
             return std::all_of(component.missing_bits.begin(), component.missing_bits.end(),
                                [](int bits) { return bits == 0; });
           });
  }

  /// The least size of the picture: each block of 8x8 samples takes at least a bit. Units: bytes.
  std::uint64_t least_size() const {
    if (!huffman_) return 0;
    std::uint64_t across = 1, down = 1, blocks = 0;
    for (const Component& component : components_) {
      across = std::max(across, component.across);
      down = std::max(down, component.down);
      blocks += component.across * component.down;
    }
    return width_ / (8 * across) * (height_ / (8 * down)) * blocks / 8;
  }

  /// The EXIF data, a TIFF file; empty if there are none.
  std::span<const std::uint8_t> exif() const { return exif_; }

 private:
  struct Component {
    std::uint8_t id;
    std::uint64_t across, down;
    std::array<int, 64> missing_bits;
  };

  static constexpr std::uint8_t end_of_image = 0xd9;

  static bool begins_segment(std::uint8_t marker) {
    const bool stands_alone = marker >= 0xd0 && marker <= end_of_image;
    return marker > 1 && marker != 0xff && !stands_alone;
  }

  // A segment begins with its length in two bytes.
  void read_segment(std::uint8_t marker, std::span<const std::uint8_t> segment) {
    constexpr char exif_signature[] = "Exif\0";
    const bool is_frame =
        marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (is_frame) read_frame(marker, segment);
    if (marker == 0xda) read_scan(segment);
    if (marker == 0xe1 && exif_.empty() && segment.size() > 8 &&
        std::memcmp(&segment[2], exif_signature, 6) == 0)
      exif_ = segment.subspan(8);
  }

  void read_frame(std::uint8_t marker, std::span<const std::uint8_t> segment) {
    if (segment.size() < 8 || !components_.empty()) return;
    huffman_ = marker <= 0xc2;
    progressive_ = marker == 0xc2;
    height_ = std::uint64_t{segment[3]} * 256 + segment[4];
    width_ = std::uint64_t{segment[5]} * 256 + segment[6];
    for (std::size_t at = 8; at + 3 <= segment.size() && components_.size() < segment[7]; at += 3) {
      Component component{segment[at], segment[at + 1] / 16u, segment[at + 1] % 16u, {}};
      component.missing_bits.fill(16);
      components_.push_back(component);
    }
  }

  void read_scan(std::span<const std::uint8_t> segment) {
    ++scans_;
    const std::size_t count = segment.size() > 2 ? segment[2] : 0;
    if (segment.size() < 6 + 2 * count) return;
    const std::uint8_t* spectrum = &segment[3 + 2 * count];
    const std::size_t first = progressive_ ? spectrum[0] : 0;
    const std::size_t last = progressive_ ? std::min<std::size_t>(spectrum[1], 63) : 63;
    for (std::size_t i = 0; i < count; ++i)
      for (Component& component : components_)
        if (component.id == segment[3 + 2 * i])
          for (std::size_t k = first; k <= last; ++k)
            component.missing_bits[k] = progressive_ ? spectrum[2] % 16 : 0;
  }

  std::vector<Component> components_;
  std::span<const std::uint8_t> exif_;
  std::uint64_t width_ = 0, height_ = 0;
  int scans_ = 0;
  bool ends_ = false, huffman_ = false, progressive_ = false;
};

}  // namespace frostline::detail
