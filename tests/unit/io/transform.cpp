// SPDX-License-Identifier: MIT
// The transforms against torchvision's floats.
#include "frostline/data/transform.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "frostline/io/images/image.hpp"
#include "image_golden.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"

namespace frostline::test::transform_test {

using detail::Region;
using frostline::EvaluationTransform;
using frostline::Image;
using frostline::TrainingTransform;
using golden::contains;
using golden::error_of;

namespace {

struct SplitMix64 {
  using result_type = std::uint64_t;
  std::uint64_t state;

  static constexpr std::uint64_t min() { return 0; }
  static constexpr std::uint64_t max() { return std::numeric_limits<std::uint64_t>::max(); }
  std::uint64_t operator()() {
    std::uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
};

std::vector<float> square(int crop) {
  const auto side = static_cast<std::size_t>(crop);
  return std::vector<float>(3 * side * side, std::numeric_limits<float>::quiet_NaN());
}

std::string hash(const std::vector<float>& floats) {
  return golden::hash(std::as_bytes(std::span(floats)));
}

}  // namespace

TEST_CASE("the evaluation transform writes torchvision's floats") {
  auto lines = golden::lines("evaluate");
  REQUIRE(lines.size() == 23);
  for (auto& line : lines) {
    std::string name, result, wanted;
    EvaluationTransform transform;
    line >> name >> transform.resize >> transform.crop >> result >> wanted;
    auto floats = square(transform.crop);
    transform(frostline::read_image(golden::folder() / name), floats);
    INFO(line.str());
    CHECK(hash(floats) == wanted);
    if (result == "-") continue;
    const auto bytes = golden::bytes_of(golden::folder() / result);
    REQUIRE(bytes.size() == floats.size() * sizeof(float));
    std::vector<float> expected(floats.size());
    std::memcpy(expected.data(), bytes.data(), bytes.size());
    float difference = 0;
    for (std::size_t i = 0; i < floats.size(); ++i)
      difference = std::max(difference, std::abs(floats[i] - expected[i]));
    CHECK(difference == 0);
  }
}

TEST_CASE("the training transform gives torchvision's floats for a region") {
  auto lines = golden::lines("region");
  REQUIRE(lines.size() == 24);
  for (auto& line : lines) {
    std::string name, wanted;
    Region region{};
    TrainingTransform transform;
    bool mirrored = false;
    line >> name >> region.left >> region.top >> region.width >> region.height >> transform.crop >>
        mirrored >> wanted;
    auto floats = square(transform.crop);
    transform.write(frostline::read_image(golden::folder() / name), region, mirrored, floats);
    INFO(line.str());
    CHECK(hash(floats) == wanted);
  }
}

TEST_CASE("the training transform draws the same as torchvision from the same random numbers") {
  auto lines = golden::lines("draw");
  REQUIRE(lines.size() == 32);
  for (auto& line : lines) {
    SplitMix64 generator{};
    int width = 0;
    int height = 0;
    Region wanted{};
    bool mirrored = false;
    line >> generator.state >> width >> height >> wanted.left >> wanted.top >> wanted.width >>
        wanted.height >> mirrored;
    INFO(line.str());

    const TrainingTransform transform{.crop = 2};
    SplitMix64 copy = generator;
    const Region region = transform.region(width, height, copy);
    CHECK(region == wanted);
    Image image{width, height, {}};
    for (int i = 0; i < width * height * 3; ++i)
      image.pixels.push_back(static_cast<std::uint8_t>(i * 7 % 251));
    auto drawn = square(2);
    auto written = square(2);
    transform(image, drawn, generator);
    transform.write(image, wanted, mirrored, written);
    CHECK(drawn == written);
  }
}

TEST_CASE("regions respect the image, the scale and the ratio, and reach every corner") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 generator(seed);
  const TrainingTransform transform{.min_scale = 0.2, .max_scale = 0.5};
  double area = 0;
  int corners = 0;
  for (int i = 0; i < 4000; ++i) {
    const Region region = transform.region(400, 300, generator);
    REQUIRE(region.left >= 0);
    REQUIRE(region.top >= 0);
    REQUIRE(region.left + region.width <= 400);
    REQUIRE(region.top + region.height <= 300);
    const double ratio = static_cast<double>(region.width) / region.height;
    REQUIRE(ratio > 0.74);
    REQUIRE(ratio < 1.35);
    area += static_cast<double>(region.width) * region.height / (400 * 300);
    corners |= region.left == 0 ? 1 : 0;
    corners |= region.top == 0 ? 2 : 0;
    corners |= region.left + region.width == 400 ? 4 : 0;
    corners |= region.top + region.height == 300 ? 8 : 0;
  }
  CHECK(area / 4000 > 0.33);
  CHECK(area / 4000 < 0.37);
  CHECK(corners == 15);
}

TEST_CASE("half of the images are mirrored, or none on request") {
  std::mt19937_64 generator(1);
  const Image image{2, 1, {0, 0, 0, 255, 255, 255}};
  auto floats = square(2);
  for (const bool flip : {true, false}) {
    const TrainingTransform transform{
        .crop = 2, .min_scale = 1, .min_ratio = 2, .max_ratio = 2, .flip = flip};
    int mirrored = 0;
    for (int i = 0; i < 1000; ++i) {
      transform(image, floats, generator);
      mirrored += floats[0] > floats[1];
    }
    CHECK(mirrored > (flip ? 430 : -1));
    CHECK(mirrored < (flip ? 570 : 1));
  }
}

TEST_CASE("a transform normalises with the given numbers") {
  const EvaluationTransform transform{
      .resize = 1, .crop = 1, .normalization = {.mean = {0, 1, 0.5f}, .deviation = {1, 1, 0.5f}}};
  auto floats = square(1);
  transform(Image{1, 1, {255, 255, 0}}, floats);
  CHECK(floats == std::vector<float>{1, 0, -1});
}

TEST_CASE("a transform refuses sizes that make no sense") {
  const Image image{2, 2, std::vector<std::uint8_t>(12)};
  auto floats = square(4);
  std::mt19937_64 generator(1);
  CHECK(contains(error_of([&] { EvaluationTransform{4, 3}(image, floats); }), "3x3x3"));
  CHECK_THROWS_AS((EvaluationTransform{0, 4}(image, floats)), frostline::Error);
  CHECK_THROWS_AS((EvaluationTransform{4, 0}(image, {})), frostline::Error);
  CHECK_THROWS_AS((EvaluationTransform{4, 4}(Image{}, floats)), frostline::Error);
  CHECK_THROWS_AS((TrainingTransform{.crop = 5}(image, floats, generator)), frostline::Error);
  CHECK_THROWS_AS((TrainingTransform{.crop = 0}(image, {}, generator)), frostline::Error);
  CHECK_THROWS_AS((TrainingTransform{.crop = 4}(Image{}, floats, generator)), frostline::Error);
}

TEST_CASE("settings of a transform that make no sense are refused") {
  const Image image{8, 8, std::vector<std::uint8_t>(192)};
  auto floats = square(4);
  std::mt19937_64 generator(1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const detail::Normalization& normalization :
       {detail::Normalization{.deviation = {0.2f, 0, 0.2f}},
        detail::Normalization{.deviation = {0.2f, 0.2f, -1}},
        detail::Normalization{.deviation = {nan, 0.2f, 0.2f}},
        detail::Normalization{.deviation = {0.2f, infinity, 0.2f}},
        detail::Normalization{.mean = {0, nan, 0}},
        detail::Normalization{.mean = {0, 0, infinity}}}) {
    CHECK(contains(error_of([&] {
                     EvaluationTransform{4, 4, normalization}(image, floats);
                   }),
                   "Normalization"));
    CHECK(contains(error_of([&] {
                     TrainingTransform{.crop = 4, .normalization = normalization}(image, floats,
                                                                                  generator);
                   }),
                   "Normalization"));
  }
  for (const TrainingTransform& transform :
       {TrainingTransform{.crop = 4, .min_scale = 0}, TrainingTransform{.crop = 4, .min_scale = -1},
        TrainingTransform{.crop = 4, .min_scale = 0.6, .max_scale = 0.5},
        TrainingTransform{.crop = 4, .min_scale = nan},
        TrainingTransform{.crop = 4, .max_scale = nan},
        TrainingTransform{.crop = 4, .max_scale = infinity},
        TrainingTransform{.crop = 4, .min_scale = 2, .max_scale = 3}})
    CHECK(contains(error_of([&] { transform(image, floats, generator); }), "min_scale"));
  for (const TrainingTransform& transform :
       {TrainingTransform{.crop = 4, .min_ratio = 0}, TrainingTransform{.crop = 4, .min_ratio = -1},
        TrainingTransform{.crop = 4, .min_ratio = 2}, TrainingTransform{.crop = 4, .max_ratio = 0},
        TrainingTransform{.crop = 4, .min_ratio = nan},
        TrainingTransform{.crop = 4, .max_ratio = nan},
        TrainingTransform{.crop = 4, .max_ratio = infinity}})
    CHECK(contains(error_of([&] { transform(image, floats, generator); }), "min_ratio"));
  CHECK(contains(error_of([&] { TrainingTransform{}.region(0, 5, generator); }), "0x5"));
}

}  // namespace frostline::test::transform_test
