// SPDX-License-Identifier: MIT
// Scenes with a label per pixel, composed of cut-outs from a data set.
#include "scenes.hpp"

#include <algorithm>
#include <random>

#include "frostline/io/images/resize.hpp"

namespace examples {

namespace fl = frostline;

namespace {

using Random = std::mt19937_64;

int between(Random& random, int low, int high) {
  return low + int(random() % std::uint64_t(high - low + 1));
}

std::size_t pixel(int x, int y, int width) {
  return std::size_t(y) * std::size_t(width) + std::size_t(x);
}

/// White pixels that touch the border are outside the drawing; the result is white inside it.
fl::Image cut_out(const fl::Image& image) {
  const int w = image.width, h = image.height;
  fl::Image mask{w, h, std::vector<std::uint8_t>(image.pixels.size(), 255)};
  std::vector<std::pair<int, int>> open;
  const auto visit = [&](int x, int y) {
    const std::size_t at = 3 * pixel(x, y, w);
    const bool white =
        std::min({image.pixels[at], image.pixels[at + 1], image.pixels[at + 2]}) > 225;
    if (!white || mask.pixels[at] == 0) return;
    std::fill_n(mask.pixels.begin() + std::ptrdiff_t(at), 3, std::uint8_t(0));
    open.emplace_back(x, y);
  };
  for (int x = 0; x < w; ++x) visit(x, 0), visit(x, h - 1);
  for (int y = 0; y < h; ++y) visit(0, y), visit(w - 1, y);
  while (!open.empty()) {
    const auto [x, y] = open.back();
    open.pop_back();
    if (x > 0) visit(x - 1, y);
    if (y > 0) visit(x, y - 1);
    if (x + 1 < w) visit(x + 1, y);
    if (y + 1 < h) visit(x, y + 1);
  }
  return mask;
}

/// A pale colour that changes from top to bottom.
fl::Image background(int side, Random& random) {
  int top[3], bottom[3];
  for (int c = 0; c < 3; ++c) {
    top[c] = between(random, 200, 255);
    bottom[c] = between(random, 200, 255);
  }
  fl::Image image{side, side, std::vector<std::uint8_t>(3 * std::size_t(side) * std::size_t(side))};
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x)
      for (int c = 0; c < 3; ++c)
        image.pixels[3 * pixel(x, y, side) + std::size_t(c)] =
            std::uint8_t(top[c] + (bottom[c] - top[c]) * y / side);
  return image;
}

}  // namespace

Scene make_scene(const fl::ImageDataSet& data, int side, std::uint64_t seed, bool mirrors) {
  Random random{seed};
  Scene scene{background(side, random), std::vector<int>(std::size_t(side) * std::size_t(side))};
  const int count = between(random, 2, 3);
  for (int k = 0; k < count; ++k) {
    const std::size_t index = random() % data.size();
    const int size = between(random, side / 2, side * 3 / 4);
    const fl::Image picture = data.image(index);
    const fl::Image drawing = fl::resize(picture, size, size);
    const fl::Image mask = fl::resize(cut_out(picture), size, size);
    const int left = between(random, 0, side - size), top = between(random, 0, side - size);
    const bool mirrored = mirrors && random() % 2 == 0;
    for (int y = 0; y < size; ++y)
      for (int x = 0; x < size; ++x) {
        const std::size_t from = pixel(mirrored ? size - 1 - x : x, y, size);
        const std::size_t to = pixel(left + x, top + y, side);
        if (mask.pixels[3 * from] < 128) continue;
        std::copy_n(drawing.pixels.begin() + std::ptrdiff_t(3 * from), 3,
                    scene.image.pixels.begin() + std::ptrdiff_t(3 * to));
        scene.labels[to] = data.label(index) + 1;
      }
  }
  return scene;
}

fl::DataFacts Scenes::facts() const {
  const fl::Shape shape{3, side_, side_};
  return {.size = count_,
          .image = shape,
          .labels = shape.pixels(),
          .classes = int(pictures_->classes().size()) + 1,
          .varies = varies_};
}

void Scenes::read(std::size_t index, std::uint64_t draw, std::span<float> image,
                  std::span<int> labels) const {
  const Scene scene = make_scene(*pictures_, side_, varies_ ? draw : index, varies_);
  fl::EvaluationTransform{side_, side_}(scene.image, image);
  std::copy(scene.labels.begin(), scene.labels.end(), labels.begin());
}

fl::Image paint_labels(std::span<const int> labels, int side) {
  // Okabe and Ito's colours, which colour-blind people tell apart too, and four more.
  static constexpr std::uint8_t colours[][3]{{235, 235, 235}, {230, 159, 0},   {86, 180, 233},
                                             {0, 158, 115},   {240, 228, 66},  {0, 114, 178},
                                             {213, 94, 0},    {204, 121, 167}, {0, 0, 0},
                                             {128, 64, 0},    {140, 140, 140}};
  fl::Image image{side, side, {}};
  for (const int label : labels) {
    const auto& colour = colours[std::size_t(label) % std::size(colours)];
    image.pixels.insert(image.pixels.end(), colour, colour + 3);
  }
  return image;
}

fl::Image tile(std::span<const fl::Image> images, int columns) {
  constexpr int gap = 6;
  const int w = images[0].width, h = images[0].height;
  const int rows = (int(images.size()) + columns - 1) / columns;
  fl::Image sheet{columns * (w + gap) + gap, rows * (h + gap) + gap, {}};
  sheet.pixels.assign(3 * std::size_t(sheet.width) * std::size_t(sheet.height), 255);
  for (int i = 0; i < int(images.size()); ++i)
    for (int y = 0; y < h; ++y) {
      const int left = gap + i % columns * (w + gap), top = gap + i / columns * (h + gap) + y;
      std::copy_n(images[std::size_t(i)].pixels.begin() + std::ptrdiff_t(3 * pixel(0, y, w)), 3 * w,
                  sheet.pixels.begin() + std::ptrdiff_t(3 * pixel(left, top, sheet.width)));
    }
  return sheet;
}

}  // namespace examples
