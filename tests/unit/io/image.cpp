// SPDX-License-Identifier: MIT
// Images against Pillow's pixels, and against files that are cut, damaged or not images.
#include "frostline/io/image.hpp"

#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "image_golden.hpp"
#include "support/catch.hpp"

using frostline::Image;
using golden::contains;
using golden::error_of;

namespace {

std::vector<std::string> sources() {
  std::vector<std::string> names;
  for (auto& line : golden::lines("decode")) line >> names.emplace_back();
  return names;
}

Image small_image() { return {2, 2, {0, 1, 2, 3, 4, 5, 253, 254, 255, 6, 7, 8}}; }

}  // namespace

TEST_CASE("every kind of JPEG and PNG has Pillow's pixels") {
  auto lines = golden::lines("decode");
  REQUIRE(lines.size() == 43);
  for (auto& line : lines) {
    std::string name;
    Image wanted;
    line >> name >> wanted.width >> wanted.height;
    wanted.pixels = golden::pixels_of(golden::folder() / (name + ".rgb"));
    const Image image = frostline::read_image(golden::folder() / name);
    INFO(name);
    CHECK(image.width == wanted.width);
    CHECK(image.height == wanted.height);
    CHECK(image.pixels == wanted.pixels);
  }
}

TEST_CASE("an image cut anywhere is an error or has all of its pixels") {
  for (const std::string& name : sources()) {
    const auto bytes = golden::bytes_of(golden::folder() / name);
    const Image whole = frostline::decode_image(bytes, name);
    std::size_t errors = 0;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      // A copy of its own size, so that AddressSanitizer sees a read behind the end.
      const std::vector<std::byte> part(bytes.begin(),
                                        bytes.begin() + static_cast<std::ptrdiff_t>(size));
      Image image;
      const std::string error = error_of([&] { image = frostline::decode_image(part, name); });
      INFO(name << " cut to " << size << " of " << bytes.size() << " bytes: " << error);
      if (error.empty()) {
        REQUIRE(image == whole);
      } else {
        REQUIRE(contains(error, name));
        ++errors;
      }
    }
    CHECK(errors + 32 > bytes.size());
  }
}

TEST_CASE("damaged bytes give an image or an error, never a crash") {
  const unsigned seed = std::random_device{}();
  std::printf("damaged images: seed %u\n", seed);
  std::mt19937 generator(seed);
  std::size_t images = 0;
  std::size_t errors = 0;
  for (const std::string& name : sources()) {
    const auto bytes = golden::bytes_of(golden::folder() / name);
    for (int repetition = 0; repetition < 100; ++repetition) {
      auto damaged = bytes;
      for (auto flips = 1 + generator() % 4; flips > 0; --flips)
        damaged[generator() % damaged.size()] ^= std::byte(1u << generator() % 8);
      INFO(name << ", seed " << seed << ", repetition " << repetition);
      try {
        const Image image = frostline::decode_image(damaged, name);
        REQUIRE(image.pixels.size() ==
                3 * static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height));
        ++images;
      } catch (const frostline::Error& error) {
        REQUIRE(contains(error.what(), name));
        ++errors;
      }
    }
  }
  CHECK(images > 0);
  CHECK(errors > 0);
}

TEST_CASE("an image that cannot be read is refused with its name and the reason") {
  auto lines = golden::lines("refuse");
  REQUIRE(lines.size() == 5);
  for (auto& line : lines) {
    std::string name;
    std::string word;
    line >> name >> word;
    const std::string error = error_of([&] { frostline::read_image(golden::folder() / name); });
    INFO(error);
    CHECK(contains(error, name));
    CHECK(contains(error, word));
  }

  golden::TemporaryFolder folder;
  const auto reason = [](const std::filesystem::path& path) {
    const std::string error = error_of([&] { frostline::read_image(path); });
    CHECK(contains(error, path.string()));
    return error;
  };
  CHECK(contains(reason(folder.path / "missing.jpg"), "no such file"));
  CHECK(contains(reason(folder.path), "directory"));
  CHECK(contains(reason(folder.write("empty.png", {})), "empty"));
  const auto jpeg = golden::bytes_of(golden::folder() / "rgb_420.jpg");
  const auto half = std::span(jpeg).first(jpeg.size() / 2);
  CHECK(contains(reason(folder.write("half.jpg", half)), "truncated"));
}

TEST_CASE("an image comes back from PNG bytes and from a PNG file") {
  const Image image = small_image();
  CHECK(frostline::decode_image(frostline::encode_png(image), "encoded") == image);
  golden::TemporaryFolder folder;
  frostline::write_png(folder.path / "image.png", image);
  CHECK(frostline::read_image(folder.path / "image.png") == image);
  const std::string error =
      error_of([&] { frostline::write_png(folder.path / "missing" / "image.png", image); });
  CHECK(contains(error, "missing"));
}

TEST_CASE("an image whose size and pixels disagree is not written") {
  CHECK_THROWS_AS(frostline::encode_png({}), frostline::Error);
  CHECK_THROWS_AS(frostline::encode_png({-1, -1, {0, 0, 0}}), frostline::Error);
  Image image = small_image();
  image.pixels.pop_back();
  CHECK(contains(error_of([&] { frostline::encode_png(image); }), "2x2 pixels holds 11 bytes"));
}
