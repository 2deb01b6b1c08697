// SPDX-License-Identifier: MIT
// Pictures and masks as data sets: the numbers are the same from memory and when read again.
#include "frostline/data/image_data_set.hpp"

#include "../io/image_golden.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"

namespace frostline::test::image_data_set_test {
namespace {

Image picture(int width, int height, unsigned seed) {
  Image image{width, height, std::vector<std::uint8_t>(3 * std::size_t(width * height))};
  std::mt19937 random{seed};
  for (auto& value : image.pixels) value = std::uint8_t(random());
  return image;
}

struct Read {
  std::vector<float> image;
  std::vector<int> labels;
  bool operator==(const Read&) const = default;
};
Read read(const ImageDataSet& data, std::size_t i, std::uint64_t draw) {
  Read result{std::vector<float>(data.facts().image.size()), std::vector<int>(data.facts().labels)};
  data.read(i, draw, result.image, result.labels);
  return result;
}

constexpr EvaluationTransform whole{20, 16};
constexpr TrainingTransform crops{.crop = 16, .min_scale = 0.5};

}  // namespace

TEST_CASE("pictures give the same numbers from memory and when they are read again") {
  golden::TemporaryFolder folder;
  folder.write("a/1.png", encode_png(picture(90, 70, 1)));
  folder.write("a/2.png", encode_png(picture(20, 33, 2)));
  folder.write("b/1.png", encode_png(picture(50, 200, 3)));
  for (const ImageDataSet::Transform& transform : {ImageDataSet::Transform(whole), {crops}}) {
    std::size_t done = 0;
    const ImageDataSet kept(ImageFolder(folder.path), transform,
                            {.on_read = [&](std::size_t now) { REQUIRE(now == ++done); }});
    const ImageDataSet again(ImageFolder(folder.path), transform, {.memory = 0});
    const ImageDataSet some(ImageFolder(folder.path), transform, {.memory = 3 * 20 * 40});
    REQUIRE(done == 3);
    REQUIRE(kept.facts().size == 3);
    REQUIRE(kept.facts().classes == 2);
    REQUIRE(kept.facts().varies == (transform.index() == 1));
    REQUIRE(kept.label(2) == 1);
    for (std::size_t i = 0; i < 3; ++i) {
      const Read expected = read(kept, i, 7);
      REQUIRE(expected.labels == std::vector<int>{int(i / 2)});
      REQUIRE(read(again, i, 7) == expected);
      REQUIRE(read(some, i, 7) == expected);
      REQUIRE((read(kept, i, 8) == expected) == !kept.facts().varies);
    }
  }
  // What is kept is small, and evaluation gives the numbers of the picture itself.
  const ImageDataSet data(ImageFolder(folder.path), whole);
  REQUIRE(data.image(0).height == 20);
  Read expected{std::vector<float>(3 * 16 * 16), {0}};
  whole(read_image(data.path(0)), expected.image);
  REQUIRE(read(data, 0, 0) == expected);
}

TEST_CASE("a mask is shrunk and cropped like its picture") {
  golden::TemporaryFolder folder;
  const auto file = golden::folder() / "mask_palette8.png";
  const LabelMask mask = read_label_mask(file);
  const Image image = picture(mask.width, mask.height, 1);
  const auto png = folder.write("image.png", encode_png(image));
  const EvaluationTransform small{8, 6};
  REQUIRE(std::min(mask.width, mask.height) > 8);  // so that something is shrunk
  const Image less = shrink(image, 8);
  const LabelMask least = resize_nearest(mask, less.width, less.height);
  Read expected{std::vector<float>(3 * 6 * 6), std::vector<int>(6 * 6)};
  small(less, least, expected.image, expected.labels);
  for (const std::size_t memory : {std::size_t(1000000), std::size_t(0)}) {
    const ImageDataSet data({{png, file}}, small, {.memory = memory}, {"sky", "sea"});
    REQUIRE(data.facts().labels == 36);
    REQUIRE(data.facts().classes == 2);
    REQUIRE(read(data, 0, 1) == expected);
    const ImageDataSet random({{png, file}}, TrainingTransform{6, 0.5}, {.memory = memory});
    REQUIRE(read(random, 0, 1) == read(random, 0, 1));
    REQUIRE_FALSE(read(random, 0, 1).labels == read(random, 0, 2).labels);
  }
  REQUIRE_ERROR(ImageDataSet({{png, png}}, whole), "has colours");
  const auto other = folder.write("other.png", encode_png(picture(3, 3, 1)));
  REQUIRE_ERROR(ImageDataSet({{other, file}}, whole), "other.png': an image of 3x3 pixels has a");
  REQUIRE_ERROR(ImageDataSet(std::vector<ImageAndMask>{}, whole), "at least one picture");
}

TEST_CASE("unusable pictures are named before a training") {
  golden::TemporaryFolder folder;
  folder.write("a/1.png", encode_png(picture(3, 3, 1)));
  folder.write("a/thin.png", encode_png(picture(1, 1001, 1)));
  REQUIRE_ERROR(ImageDataSet(ImageFolder(folder.path), whole), "thin.png': a picture of 1x1001");
  folder.write("a/thin.png", encode_png(picture(1, 1000, 1)));
  REQUIRE(ImageDataSet(ImageFolder(folder.path), whole).size() == 2);
  folder.write("a/torn.png", std::vector<std::byte>(9));
  REQUIRE_ERROR(ImageDataSet(ImageFolder(folder.path), whole), "torn.png");
  REQUIRE_ERROR(ImageDataSet(ImageFolder(folder.path), EvaluationTransform{0, 16}), "resize to 0");
  REQUIRE_ERROR(ImageDataSet(ImageFolder(folder.path), TrainingTransform{-1}), "crop to -1");
  REQUIRE_ERROR(ImageDataSet(ImageFolder(folder.path), TrainingTransform{16, 0}), "min_scale");
}

}  // namespace frostline::test::image_data_set_test
