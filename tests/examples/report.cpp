// SPDX-License-Identifier: MIT
// The report: its statistics, class activation maps, and the page.
#include "support/report.hpp"

#include <cmath>
#include <limits>

#include "frostline/core/error.hpp"
#include "support/catch.hpp"
#include "support/class_activation_map.hpp"
#include "support/random.hpp"
#include "support/statistics.hpp"
#include "unit/io/files.hpp"

namespace examples {
namespace {

using frostline::test::random_engine;
using frostline::test::random_floats;
using frostline::test::uniform;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

int random_int(int low, int high) {
  return low + int(random_engine()() % std::uint64_t(high - low + 1));
}

bool near(double found, double expected) { return std::abs(found - expected) < 1e-6; }

TEST_CASE("Wilson's interval is SciPy's, holds the share, and is 0 to 1 without trials") {
  struct {
    int right, total;
    double low, high;  // SciPy's binomtest(right, total).proportion_ci(0.95, "wilson")
  } const cases[]{{8, 10, 0.490162471533, 0.943317848546},
                  {0, 5, 0, 0.434482464783},
                  {5, 5, 0.565517535217, 1},
                  {1, 1, 0.206549314377, 1},
                  {450, 500, 0.870578090368, 0.923322437263}};
  for (const auto& [right, total, low, high] : cases) {
    const Interval found = wilson_interval(right, total);
    CAPTURE(right, total, found.low, found.high);
    CHECK(std::abs(found.low - low) < 1e-9);
    CHECK(std::abs(found.high - high) < 1e-9);
  }
  CHECK(wilson_interval(0, 0).low == 0);
  CHECK(wilson_interval(0, 0).high == 1);
  CHECK_THROWS_AS(wilson_interval(2, 1), frostline::Error);
  CHECK_THROWS_AS(wilson_interval(-1, 1), frostline::Error);
  const int total = random_int(1, 100000), right = random_int(0, total);
  const Interval found = wilson_interval(right, total);
  CAPTURE(right, total);
  CHECK(found.low >= 0);
  CHECK(found.low <= double(right) / total);
  CHECK(found.high >= double(right) / total);
  CHECK(found.high <= 1);
}

TEST_CASE("the calibration error is the bins' differences, weighted by their predictions") {
  // Two of probability 0.95 of which one is right, and two of 0.55 of which both are.
  const std::vector<Outcome> outcomes{{0.95f, true}, {0.55f, true}, {0.95f, false}, {0.55f, true}};
  const Calibration found = calibration(outcomes);
  REQUIRE(found.bins.size() == 10);
  CHECK(found.bins[9].total == 2);
  CHECK(found.bins[9].right == 1);
  CHECK(found.bins[5].total == 2);
  CHECK(near(found.bins[5].probability, 0.55));
  CHECK(near(found.expected_error, 0.5 * 0.45 + 0.5 * 0.45));
  CHECK(near(found.all.probability, 0.75));
  CHECK(near(found.all.accuracy(), 0.75));
}

TEST_CASE("a bin holds its upper edge, the first one 0 too, and each number is in one bin") {
  const Calibration edges =
      calibration(std::vector<Outcome>{{0, false}, {0.1f, true}, {0.3f, true}, {1, true}});
  CHECK(edges.bins[0].total == 2);
  CHECK(edges.bins[2].total == 1);
  CHECK(edges.bins[9].total == 1);
  std::vector<Outcome> outcomes;
  for (int i = random_int(1, 200); i > 0; --i) outcomes.push_back({uniform(0, 1), i % 3 == 0});
  const Calibration found = calibration(outcomes, random_int(1, 20));
  std::int64_t total = 0;
  for (const CalibrationBin& bin : found.bins) {
    total += bin.total;
    if (bin.total == 0) continue;
    CHECK(bin.probability >= bin.low - 1e-6);
    CHECK(bin.probability <= bin.high + 1e-6);
  }
  CHECK(total == std::int64_t(outcomes.size()));
  CHECK(found.all.total == total);
}

TEST_CASE("a calibration without pictures, in one bin, or with NaN is still right") {
  CHECK(calibration({}).expected_error == 0);
  CHECK(calibration({}).all.total == 0);
  const Calibration one = calibration(std::vector<Outcome>(7, {1, true}));
  CHECK(one.expected_error == 0);
  CHECK(one.bins[9].total == 7);
  const Calibration some = calibration(std::vector<Outcome>{{nan, true}, {0.75f, false}});
  CHECK(some.not_numbers == 1);
  CHECK(some.all.total == 1);
  CHECK(near(some.expected_error, 0.75));
  const Calibration none = calibration(std::vector<Outcome>{{nan, false}});
  CHECK(none.not_numbers == 1);
  CHECK(none.expected_error == 0);
  CHECK_THROWS_AS(calibration(std::vector<Outcome>{{1.5f, true}}), frostline::Error);
  CHECK_THROWS_AS(calibration(std::vector<Outcome>{{-0.5f, true}}), frostline::Error);
  CHECK_THROWS_AS(calibration({}, 0), frostline::Error);
}

TEST_CASE("the most confident mistakes come first, then right predictions from everywhere") {
  std::vector<Outcome> outcomes{{0.5f, false}, {nan, false}, {0.9f, true},
                                {0.8f, false}, {0.7f, true}, {0.8f, false}};
  CHECK(predictions_to_show(outcomes) == std::vector<std::size_t>{3, 5, 0, 1, 2, 4});
  CHECK(predictions_to_show(outcomes, 2, 1) == std::vector<std::size_t>{3, 5, 4});
  CHECK(predictions_to_show({}).empty());
  outcomes.assign(1000, {0.5f, true});
  const std::vector<std::size_t> spread = predictions_to_show(outcomes, 18, 4);
  CHECK(spread == std::vector<std::size_t>{125, 375, 625, 875});
  outcomes.assign(1000, {0.5f, false});
  CHECK(predictions_to_show(outcomes).size() == 18);
}

TEST_CASE("the sum over a class activation map and the bias are the logit") {
  const frostline::Shape shape{random_int(1, 40), random_int(1, 9), random_int(1, 9)};
  const int classes = random_int(1, 12);
  const std::vector<float> features = random_floats(shape.size());
  const std::vector<float> weights = random_floats(std::size_t(classes * shape.channels));
  for (int k = 0; k < classes; ++k) {
    double logit = 0;  // a linear layer without its bias, on the mean of each channel
    for (int c = 0; c < shape.channels; ++c) {
      double sum = 0;
      for (std::size_t p = 0; p < shape.pixels(); ++p)
        sum += double(features[std::size_t(c) * shape.pixels() + p]);
      logit += double(weights[std::size_t(k * shape.channels + c)]) * sum / double(shape.pixels());
    }
    const HeatMap map = class_activation_map(shape, features, weights, k);
    REQUIRE(map.width == shape.width);
    REQUIRE(map.height == shape.height);
    double total = 0;
    for (const float value : map.values) total += double(value);
    CHECK(std::abs(total - logit) < 1e-5);
  }
  // One feature at one place: its weight is there, divided by the places, and nowhere else.
  std::vector<float> single(12);
  single[6 + 4] = 2;  // channel 1, row 1, column 1 of 2x3
  const HeatMap map = class_activation_map({2, 2, 3}, single, std::vector<float>{9, 9, 9, 3}, 1);
  CHECK(map.values == std::vector<float>{0, 0, 0, 0, 1, 0});
}

TEST_CASE("sizes that do not fit a class activation map are errors") {
  const std::vector<float> features(12), weights(4);
  const frostline::Shape shape{2, 2, 3};
  CHECK_NOTHROW(class_activation_map(shape, features, weights, 1));
  CHECK_THROWS_AS(class_activation_map(shape, std::span(features).first(11), weights, 1),
                  frostline::Error);
  CHECK_THROWS_AS(class_activation_map(shape, features, std::span(weights).first(3), 1),
                  frostline::Error);
  CHECK_THROWS_AS(class_activation_map(shape, features, {}, 0), frostline::Error);
  CHECK_THROWS_AS(class_activation_map(shape, features, weights, 2), frostline::Error);
  CHECK_THROWS_AS(class_activation_map(shape, features, weights, -1), frostline::Error);
  CHECK_THROWS_AS(class_activation_map({0, 0, 0}, {}, weights, 0), frostline::Error);
}

TEST_CASE("a map between its positions is bilinear, and constant at its edges") {
  const HeatMap map{2, 2, {0, 4, 8, 12}};
  CHECK(heat_at(map, 0.25, 0.25) == 0);
  CHECK(heat_at(map, 0.75, 0.25) == 4);
  CHECK(heat_at(map, 0.25, 0.75) == 8);
  CHECK(heat_at(map, 0.5, 0.5) == 6);
  CHECK(heat_at(map, 0.625, 0.25) == 3);
  CHECK(heat_at(map, 0, 0) == 0);
  CHECK(heat_at(map, 1, 1) == 12);
  const float value = uniform(-5, 5);
  const HeatMap constant{3, 2, std::vector<float>(6, value)};
  for (int i = 0; i < 20; ++i)
    CHECK(near(double(heat_at(constant, double(uniform(0, 1)), double(uniform(0, 1)))),
               double(value)));
}

TEST_CASE("heat colours the square that the network saw, and nothing without a positive number") {
  const frostline::Image white{60, 20, std::vector<std::uint8_t>(60 * 20 * 3, 255)};
  const auto pixel = [](const frostline::Image& image, int x, int y) {
    const auto* p = &image.pixels[std::size_t(y * image.width + x) * 3];
    return std::vector<int>{p[0], p[1], p[2]};
  };
  const std::vector<int> untouched{255, 255, 255};
  // The centre square of 20x20 is seen; its right half is hot.
  const frostline::Image warm = with_heat(white, {2, 1, {-3, 1}}, {.resize = 96, .crop = 96});
  CHECK(pixel(warm, 39, 10)[2] < 150);  // yellow
  CHECK(pixel(warm, 39, 10)[0] > 240);
  CHECK(pixel(warm, 21, 10) == untouched);
  CHECK(pixel(warm, 19, 10) != untouched);  // pale
  CHECK(pixel(warm, 40, 10) == pixel(warm, 0, 0));
  for (const float none : {0.0f, -2.0f}) {
    const frostline::Image cold =
        with_heat(white, {2, 1, {none, none}}, {.resize = 96, .crop = 96});
    CHECK(pixel(cold, 39, 10) == untouched);
    CHECK(pixel(cold, 10, 10) != untouched);
  }
  // With a smaller crop of the resized picture, the square is smaller.
  const frostline::Image half = with_heat(white, {1, 1, {1}}, {.resize = 20, .crop = 10});
  CHECK(pixel(half, 30, 4) == pixel(half, 0, 0));
  CHECK(pixel(half, 30, 5) == pixel(half, 30, 14));
  CHECK(pixel(half, 30, 5) != pixel(half, 0, 0));
  CHECK_THROWS_AS(with_heat(white, {2, 1, {nan, 1}}, {96, 96}), frostline::Error);
  CHECK_THROWS_AS(with_heat(white, {2, 1, {1}}, {96, 96}), frostline::Error);
  CHECK_THROWS_AS(with_heat({}, {1, 1, {1}}, {96, 96}), frostline::Error);
}

std::string page_of(const Report& report) {
  const files::TemporaryFolder folder;
  write_report(folder.path / "report.html", report);
  return files::content_of(folder.path / "report.html");
}

TEST_CASE("the page has what the run has, and escapes names") {
  Report report{.title = "A <title>", .classes = {"a&b", "none"}};
  report.confusion = frostline::ConfusionMatrix(2);
  for (int i = 0; i < 10; ++i) report.confusion.add(0, i < 2);
  report.outcomes = {{0.75f, false}, {nan, true}};
  frostline::Image image{2, 2, std::vector<std::uint8_t>(12, 200)};
  report.predictions = {{image, 0, 0, 0.5f, image}, {image, 0, 1, nan, image, image}};
  const std::string page = page_of(report);
  const auto has = [&](std::string_view text) { return page.find(text) != std::string::npos; };
  CHECK(has("<title>A &lt;title&gt;</title>"));
  CHECK(has("width=device-width"));
  CHECK(has("95% interval 49.0–94.3%"));  // of 8 in 10
  CHECK(has("8 of 10, interval 49–94%"));
  CHECK(has("no pictures"));
  CHECK(has("calibration error: <b>75.0%</b>"));
  CHECK(has("The probabilities of 1 predictions are not numbers"));
  CHECK(has("Mistaken: 1 of 2"));
  CHECK(has("Recognised: 1 of 8"));
  CHECK(page.find("Mistaken") < page.find("Recognised"));
  CHECK(has("what spoke for a&amp;b"));
  CHECK(has("– sure; it is <strong>a&amp;b</strong>"));
  CHECK(!has("a&b"));
  CHECK(!has("nan"));
  CHECK(has("data:image/jpeg;base64,/9j/"));
}

TEST_CASE("a page without pictures has no intervals, no calibration and no predictions") {
  Report report{.title = "empty", .classes = {"one"}};
  report.confusion = frostline::ConfusionMatrix(1);
  const std::string page = page_of(report);
  CHECK(page.find("interval 0") == std::string::npos);
  CHECK(page.find("<h2>Calibration") == std::string::npos);
  CHECK(page.find("<h2>Predictions") == std::string::npos);
  CHECK(page.find("</main>") != std::string::npos);
}

}  // namespace
}  // namespace examples
