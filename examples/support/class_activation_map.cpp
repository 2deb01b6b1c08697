// SPDX-License-Identifier: MIT
// Computes class activation maps and draws them over pictures.
#include "class_activation_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "frostline/core/error.hpp"

namespace examples {
namespace {

using Color = std::array<double, 3>;

/// From dark violet to yellow, ever lighter, so that it is clear in grey too.
Color heat_color(double heat) {
  static constexpr std::array<Color, 5> colors{
      {{65, 10, 105}, {145, 38, 103}, {220, 72, 58}, {248, 150, 20}, {252, 240, 100}}};
  const double place = heat * (colors.size() - 1);
  const auto first = std::min(std::size_t(place), colors.size() - 2);
  const double second_share = place - double(first);
  Color mixed{};
  for (std::size_t c = 0; c < 3; ++c)
    mixed[c] = (1 - second_share) * colors[first][c] + second_share * colors[first + 1][c];
  return mixed;
}

void mix(std::uint8_t* pixel, const Color& color, double share) {
  for (std::size_t c = 0; c < 3; ++c)
    pixel[c] = std::uint8_t(std::lround((1 - share) * pixel[c] + share * color[c]));
}

}  // namespace

HeatMap class_activation_map(frostline::Shape shape, std::span<const float> features,
                             std::span<const float> weights, int k) {
  const std::size_t channels = std::size_t(shape.channels), pixels = shape.pixels();
  if (shape.size() == 0 || features.size() != shape.size())
    throw frostline::Error(fmt::format("a class activation map of {}x{}x{} features got {} numbers",
                                       shape.channels, shape.height, shape.width, features.size()));
  if (weights.empty() || weights.size() % channels != 0)
    throw frostline::Error(
        fmt::format("a class activation map of {} channels got {} weights, which are not a number "
                    "for each class and channel",
                    channels, weights.size()));
  if (k < 0 || std::size_t(k) >= weights.size() / channels)
    throw frostline::Error(
        fmt::format("a class activation map of class {} of {}", k, weights.size() / channels));
  std::vector<double> sums(pixels);
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t p = 0; p < pixels; ++p)
      sums[p] += double(weights[std::size_t(k) * channels + c]) * double(features[c * pixels + p]);
  HeatMap map{shape.width, shape.height, {}};
  for (const double sum : sums) map.values.push_back(float(sum / double(pixels)));
  return map;
}

float heat_at(const HeatMap& map, double x, double y) {
  struct Between {
    std::size_t first, second;
    double second_share;
  };
  const auto between = [](double place, int size) -> Between {
    const double center = std::clamp(place * size - 0.5, 0.0, double(size - 1));
    const auto first = std::size_t(center);
    return {first, std::min(first + 1, std::size_t(size - 1)), center - double(first)};
  };
  const Between column = between(x, map.width), row = between(y, map.height);
  const auto in_row = [&](std::size_t r) {
    const float* values = map.values.data() + r * std::size_t(map.width);
    return (1 - column.second_share) * double(values[column.first]) +
           column.second_share * double(values[column.second]);
  };
  return float((1 - row.second_share) * in_row(row.first) + row.second_share * in_row(row.second));
}

frostline::Image with_heat(const frostline::Image& image, const HeatMap& map,
                           const frostline::EvaluationTransform& transform) {
  const auto height = std::size_t(std::max(image.height, 0)),
             width = std::size_t(std::max(image.width, 0));
  if (height * width == 0 || image.pixels.size() != height * width * 3)
    throw frostline::Error(fmt::format("a heat map over a picture of {}x{} pixels with {} bytes",
                                       image.width, image.height, image.pixels.size()));
  if (map.width < 1 || map.height < 1 ||
      map.values.size() != std::size_t(map.width) * std::size_t(map.height) ||
      !std::all_of(map.values.begin(), map.values.end(), [](float v) { return std::isfinite(v); }))
    throw frostline::Error(fmt::format("a heat map of {}x{} requires {} finite numbers", map.width,
                                       map.height, map.width * map.height));
  const double most = double(*std::max_element(map.values.begin(), map.values.end()));
  // The side of the square that the network saw, in this picture's pixels.
  const double side =
      double(std::min(image.width, image.height)) * transform.crop / transform.resize;
  frostline::Image result = image;
  for (std::size_t y = 0; y < height; ++y)
    for (std::size_t x = 0; x < width; ++x) {
      std::uint8_t* pixel = &result.pixels[(y * width + x) * 3];
      const double u = (double(x) + 0.5 - double(width) / 2) / side + 0.5;
      const double v = (double(y) + 0.5 - double(height) / 2) / side + 0.5;
      if (u < 0 || u > 1 || v < 0 || v > 1) {
        mix(pixel, {236, 238, 240}, 0.75);
        continue;
      }
      const double heat = most > 0 ? std::max(0.0, double(heat_at(map, u, v)) / most) : 0.0;
      mix(pixel, heat_color(std::min(heat, 1.0)), 0.8 * std::min(1.0, 1.6 * heat));
    }
  return result;
}

}  // namespace examples
