// SPDX-License-Identifier: MIT
// Resizing and cropping against Pillow's bytes.
#include "frostline/io/images/resize.hpp"

#include <limits>
#include <string>

#include "frostline/io/images/image.hpp"
#include "image_golden.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"

namespace frostline::test::image_resize_test {

using frostline::Image;
using golden::contains;
using golden::error_of;

TEST_CASE("a resized image has Pillow's bytes, with a box and without") {
  auto lines = golden::lines("resize");
  REQUIRE(lines.size() == 120);
  for (auto& line : lines) {
    std::string name;
    int width = 0;
    int height = 0;
    detail::Box box{};
    std::string hash;
    line >> name >> width >> height >> box.left >> box.top >> box.right >> box.bottom >> hash;
    const Image image = frostline::read_image(golden::folder() / name);
    const Image resized = frostline::resize(image, width, height, box);
    INFO(line.str());
    CHECK(resized.width == width);
    CHECK(resized.height == height);
    CHECK(golden::hash(std::as_bytes(std::span(resized.pixels))) == hash);
  }
}

TEST_CASE("an image resized to its own size stays as it is") {
  const Image image = frostline::read_image(golden::folder() / "rgb.png");
  CHECK(frostline::resize(image, image.width, image.height) == image);
}

TEST_CASE("an image of one colour keeps it at every size") {
  Image image{7, 5, std::vector<std::uint8_t>(7 * 5 * 3, 255)};
  for (int size = 1; size < 40; ++size) {
    const Image resized = frostline::resize(image, size, 40 - size);
    CHECK(resized.pixels == std::vector<std::uint8_t>(resized.pixels.size(), 255));
  }
}

TEST_CASE("a crop has the region's pixels") {
  Image image{3, 2, {}};
  for (std::uint8_t value = 0; value < 18; ++value) image.pixels.push_back(value);
  CHECK(detail::crop(image, {0, 0, 3, 2}) == image);
  CHECK(detail::crop(image, {1, 0, 1, 2}) == Image{1, 2, {3, 4, 5, 12, 13, 14}});
}

TEST_CASE("an image is shrunk to a shorter side as torchvision's Resize does, and never enlarged") {
  const Image image = frostline::read_image(golden::folder() / "rgb.png");  // 37x23
  CHECK(frostline::shrink(image, 23) == image);
  CHECK(frostline::shrink(image, 100) == image);
  CHECK(frostline::shrink(image, 10) == frostline::resize(image, 16, 10));
  CHECK(frostline::shrink({1, 9, std::vector<std::uint8_t>(27)}, 5).height == 9);
  CHECK_THROWS_AS(frostline::shrink(image, 0), frostline::Error);
  CHECK_THROWS_AS(frostline::shrink(Image{}, 5), frostline::Error);
}

TEST_CASE("a size, a box or a region that makes no sense is refused") {
  const Image image{3, 2, std::vector<std::uint8_t>(18)};
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(contains(error_of([&] { frostline::resize(image, 0, 5); }), "0x5"));
  CHECK(contains(error_of([&] { frostline::resize(image, 5, -1); }), "5x-1"));
  CHECK(
      contains(error_of([&] { frostline::resize(image, 1 << 24, 1 << 24); }), "16777216x16777216"));
  CHECK(contains(error_of([&] { frostline::resize(image, 20000, 20000); }),
                 "20000x20000 = 400000000 pixels; at most 268435456"));
  CHECK_THROWS_AS(frostline::resize(Image{}, 1, 1), frostline::Error);
  for (const detail::Box& box : {detail::Box{-1, 0, 3, 2}, detail::Box{0, 0, 3.5f, 2},
                                 detail::Box{1, 0, 1, 2}, detail::Box{0, nan, 3, 2}})
    CHECK(contains(error_of([&] { frostline::resize(image, 2, 2, box); }), "image of 3x2"));
  for (const detail::Region& region :
       {detail::Region{-1, 0, 1, 1}, detail::Region{0, 0, 4, 1}, detail::Region{0, 0, 0, 1},
        detail::Region{2, 1, 1, std::numeric_limits<int>::max()}})
    CHECK(contains(error_of([&] { detail::crop(image, region); }), "image of 3x2"));
}

}  // namespace frostline::test::image_resize_test
