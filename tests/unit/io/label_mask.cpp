// SPDX-License-Identifier: MIT
// Label masks against Pillow's numbers: reading, nearest neighbours, and the transforms of
// pictures.
#include "frostline/io/images/label_mask.hpp"

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "frostline/data/transform.hpp"
#include "frostline/io/images/image.hpp"
#include "frostline/io/images/nearest.hpp"
#include "frostline/io/images/read_label_mask.hpp"
#include "image_golden.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/random.hpp"

namespace frostline::test::label_mask_test {

using frostline::LabelMask;
using golden::contains;
using golden::error_of;

namespace {

std::string hash(const std::vector<std::uint8_t>& bytes) {
  return golden::hash(std::as_bytes(std::span(bytes)));
}

std::string hash(const std::vector<int>& labels) {
  return hash(std::vector<std::uint8_t>(labels.begin(), labels.end()));
}

LabelMask golden_mask(const std::string& name) {
  return frostline::read_label_mask(golden::folder() / name);
}

std::vector<int> square(int crop) {
  return std::vector<int>(static_cast<std::size_t>(crop) * static_cast<std::size_t>(crop), -7);
}

}  // namespace

TEST_CASE("a label mask has a palette's indices or a grey picture's values as they are stored") {
  auto lines = golden::lines("mask");
  REQUIRE(lines.size() == 13);
  for (auto& line : lines) {
    std::string name, wanted;
    int width = 0;
    int height = 0;
    line >> name >> width >> height >> wanted;
    const LabelMask mask = golden_mask(name);
    INFO(name);
    CHECK(mask.width == width);
    CHECK(mask.height == height);
    CHECK(hash(mask.labels) == wanted);
  }
}

TEST_CASE("a file that is not a label mask is refused with its name and the reason") {
  auto lines = golden::lines("refuse_mask");
  REQUIRE(lines.size() == 8);
  for (auto& line : lines) {
    std::string name, word;
    line >> name >> word;
    const std::string error = error_of([&] { golden_mask(name); });
    INFO(error);
    CHECK(contains(error, name));
    CHECK(contains(error, word));
  }
  CHECK(contains(error_of([] { golden_mask("missing.png"); }), "no such file"));
  CHECK(contains(error_of([] {
                   frostline::read_label_mask(golden::folder() / "mask_grey8.png",
                                              {.most_pixels = 850});
                 }),
                 "1 to 850 pixels"));
}

TEST_CASE("a label mask that is cut anywhere is an error or complete") {
  const auto bytes = golden::bytes_of(golden::folder() / "mask_palette8.png");
  const LabelMask whole = frostline::decode_label_mask(bytes, "whole");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    LabelMask mask;
    const std::string error =
        error_of([&] { mask = frostline::decode_label_mask(std::span(bytes).first(size), "cut"); });
    if (error.empty()) REQUIRE(mask == whole);
  }
}

TEST_CASE("a mask is turned upright like its picture") {
  frostline::Image image{3, 2, {}};
  for (std::uint8_t value = 0; value < 6; ++value)
    for (int channel = 0; channel < 3; ++channel) image.pixels.push_back(value);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    int width = 3, height = 2;
    const auto pixels = detail::turn_upright(image.pixels, width, height, 3, orientation, "image");
    int mask_width = 3, mask_height = 2;
    const auto labels =
        detail::turn_upright({0, 1, 2, 3, 4, 5}, mask_width, mask_height, 1, orientation, "mask");
    CHECK(mask_width == width);
    CHECK(mask_height == height);
    for (std::size_t i = 0; i < 6; ++i) CHECK(labels[i] == pixels[3 * i]);
  }
}

TEST_CASE("a mask or image resized to the nearest pixels has Pillow's numbers") {
  auto lines = golden::lines("nearest");
  REQUIRE(lines.size() == 100);
  for (auto& line : lines) {
    std::string name, wanted;
    int width = 0;
    int height = 0;
    detail::Box box{};
    line >> name >> width >> height >> box.left >> box.top >> box.right >> box.bottom >> wanted;
    const auto path = golden::folder() / name;
    INFO(line.str());
    if (contains(name, "mask")) {
      const LabelMask resized =
          resize_nearest(frostline::read_label_mask(path), width, height, box);
      CHECK(resized.width == width);
      CHECK(resized.height == height);
      CHECK(hash(resized.labels) == wanted);
    } else {
      const auto resized = resize_nearest(frostline::read_image(path), width, height, box);
      CHECK(resized.width == width);
      CHECK(resized.height == height);
      CHECK(hash(resized.pixels) == wanted);
    }
  }
}

TEST_CASE("a mask resized to its own size stays as it is, and a crop has the region's labels") {
  const LabelMask mask = golden_mask("mask_palette4.png");
  CHECK(resize_nearest(mask, mask.width, mask.height) == mask);
  CHECK(crop(mask, {0, 0, mask.width, mask.height}) == mask);
  CHECK(crop(LabelMask{3, 2, {1, 2, 3, 4, 5, 6}}, {1, 0, 2, 2}) == LabelMask{2, 2, {2, 3, 5, 6}});
}

TEST_CASE(
    "the evaluation transform takes torchvision's nearest labels, and 255 outside of the mask") {
  auto lines = golden::lines("mask_evaluate");
  REQUIRE(lines.size() == 8);
  for (auto& line : lines) {
    std::string name, wanted;
    frostline::EvaluationTransform transform;
    line >> name >> transform.resize >> transform.crop >> wanted;
    auto labels = square(transform.crop);
    transform(golden_mask(name), labels);
    INFO(line.str());
    CHECK(hash(labels) == wanted);
    const auto outside = std::count(labels.begin(), labels.end(), -1);
    CHECK(outside == 0);
  }
  auto labels = square(3);
  frostline::EvaluationTransform{.resize = 1, .crop = 3}(LabelMask{1, 1, {255}}, labels, -100);
  CHECK(labels == std::vector<int>{-100, -100, -100, -100, 255, -100, -100, -100, -100});
}

TEST_CASE("the training transform takes torchvision's nearest labels of a region") {
  auto lines = golden::lines("mask_region");
  REQUIRE(lines.size() == 24);
  for (auto& line : lines) {
    std::string name, wanted;
    detail::Region region{};
    frostline::TrainingTransform transform;
    bool mirrored = false;
    line >> name >> region.left >> region.top >> region.width >> region.height >> transform.crop >>
        mirrored >> wanted;
    auto labels = square(transform.crop);
    transform.write(golden_mask(name), region, mirrored, labels);
    INFO(line.str());
    CHECK(hash(labels) == wanted);
  }
}

TEST_CASE("an image and its mask are cut and mirrored in the same way") {
  // Each pixel's red is its label, except where resampling mixes pixels.
  frostline::Image image{40, 30, {}};
  LabelMask mask{40, 30, {}};
  for (int y = 0; y < 30; ++y)
    for (int x = 0; x < 40; ++x) {
      const int label = (x >= 17 ? 1 : 0) + (y >= 11 ? 2 : 0);
      mask.labels.push_back(std::uint8_t(label));
      for (int channel = 0; channel < 3; ++channel)
        image.pixels.push_back(std::uint8_t(80 * label));
    }
  const frostline::TrainingTransform transform{
      .crop = 32, .normalization = {.mean = {0, 0, 0}, .deviation = {1, 1, 1}}};
  auto& engine = frostline::test::random_engine();
  for (int repetition = 0; repetition < 100; ++repetition) {
    std::vector<float> floats(3 * 32 * 32), alone(3 * 32 * 32);
    auto labels = square(32);
    auto copy = engine;
    transform(image, alone, copy);
    transform(image, mask, floats, labels, engine);
    REQUIRE(floats == alone);
    int unlike = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      REQUIRE(labels[i] >= 0);
      unlike += std::abs(floats[i] * 255 - float(80 * labels[i])) > 41;
    }
    REQUIRE(unlike < 5 * 32);  // at two edges, of one or two pixels
  }
  auto labels = square(32);
  std::vector<float> floats(3 * 32 * 32);
  CHECK(contains(error_of([&] {
                   transform(image, LabelMask{30, 40, mask.labels}, floats, labels, engine);
                 }),
                 "a mask of 30x40"));
}

TEST_CASE("the evaluation transform of an image and its mask equals that of each") {
  const frostline::Image image = frostline::read_image(golden::folder() / "mask_grey8.png");
  const LabelMask mask = golden_mask("mask_grey8.png");
  for (const frostline::EvaluationTransform& transform :
       {frostline::EvaluationTransform{.resize = 20, .crop = 16},
        frostline::EvaluationTransform{.resize = 10, .crop = 32}}) {
    const auto size = static_cast<std::size_t>(transform.crop * transform.crop);
    std::vector<float> floats(3 * size), floats_alone(3 * size);
    auto labels = square(transform.crop), labels_alone = square(transform.crop);
    transform(image, floats_alone);
    transform(mask, labels_alone, -100);
    transform(image, mask, floats, labels, -100);
    CHECK(floats == floats_alone);
    CHECK(labels == labels_alone);
    transform(mask, labels_alone);
    transform(image, mask, floats, labels);
    CHECK(labels == labels_alone);
  }
}

TEST_CASE("an image and a mask of different sizes are refused, with a hint if one is turned") {
  const frostline::EvaluationTransform evaluate{.resize = 4, .crop = 4};
  const frostline::TrainingTransform train{.crop = 4};
  std::vector<float> floats(48, -7);
  auto labels = square(4);
  auto& engine = frostline::test::random_engine();
  const auto before = engine;
  const auto image_of = [](int width, int height) {
    return frostline::Image{width, height, std::vector<std::uint8_t>(3 * 5000)};
  };
  const auto errors = [&](const frostline::Image& image, const LabelMask& mask,
                          std::span<float> out, std::span<int> numbers) {
    return std::vector{error_of([&] { evaluate(image, mask, out, numbers); }),
                       error_of([&] { train(image, mask, out, numbers, engine); })};
  };
  const LabelMask mask{50, 100, std::vector<std::uint8_t>(5000)};
  for (const std::string& error : errors(image_of(100, 50), mask, floats, labels)) {
    INFO(error);
    CHECK(contains(error, "an image of 100x50 pixels has a mask of 50x100"));
    CHECK(contains(error, "Orientation::upright"));
  }
  for (const std::string& error : errors(image_of(25, 200), mask, floats, labels)) {
    INFO(error);
    CHECK(contains(error, "an image of 25x200 pixels has a mask of 50x100"));
    CHECK(!contains(error, "upright"));
  }
  for (const std::string& error :
       errors(image_of(50, 100), mask, std::span(floats).first(3), labels))
    CHECK(contains(error, "floats got room for 3"));
  for (const std::string& error :
       errors(image_of(50, 100), mask, floats, std::span(labels).first(3)))
    CHECK(contains(error, "labels got room for 3"));
  CHECK(engine == before);
  CHECK(floats == std::vector<float>(48, -7));
  CHECK(labels == square(4));
}

TEST_CASE("masks, sizes and regions that make no sense are refused") {
  const LabelMask mask{3, 2, {0, 1, 2, 3, 4, 5}};
  auto labels = square(4);
  const frostline::EvaluationTransform evaluate{.resize = 4, .crop = 4};
  const frostline::TrainingTransform train{.crop = 4};
  CHECK_THROWS_AS(resize_nearest(LabelMask{}, 1, 1), frostline::Error);
  CHECK_THROWS_AS(resize_nearest(LabelMask{3, 2, {1}}, 1, 1), frostline::Error);
  CHECK_THROWS_AS(evaluate(LabelMask{3, 2, {1, 2, 3, 4, 5, 6, 7}}, labels), frostline::Error);
  CHECK_THROWS_AS(resize_nearest(mask, 0, 1), frostline::Error);
  CHECK_THROWS_AS(resize_nearest(mask, 1 << 24, 1 << 24), frostline::Error);
  CHECK_THROWS_AS(resize_nearest(mask, 2, 2, detail::Box{0, 0, 4, 2}), frostline::Error);
  CHECK_THROWS_AS(crop(mask, {0, 0, 4, 1}), frostline::Error);
  CHECK_THROWS_AS(evaluate(mask, std::span(labels).first(15)), frostline::Error);
  CHECK_THROWS_AS(train.write(mask, {1, 0, 3, 2}, false, labels), frostline::Error);
  CHECK_THROWS_AS(train.write(mask, {0, 0, 3, 2}, false, std::span(labels).first(15)),
                  frostline::Error);
}

}  // namespace frostline::test::label_mask_test
