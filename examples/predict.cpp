// SPDX-License-Identifier: MIT
// Classifies pictures with a ResNet-18 from a file: the five most likely classes, or raw logits.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <frostline/data/transform.hpp>
#include <frostline/frostline.hpp>
#include <frostline/io/images/image.hpp>
#include <frostline/io/weights/read_weights.hpp>
#include <fstream>
#include <numeric>

#include "support/command_line.hpp"

namespace fl = frostline;

// All layers are frozen, so these networks only do inference: no gradients, no backward code.
using ImageNet = fl::Freeze<fl::ResNet18<>>;
using Finetuned = fl::Freeze<fl::ResNet18<16, fl::ClassifierHead<128, 10>>>;

struct Options {
  std::string weights;
  std::vector<std::string> images;
  std::string labels;
  bool logits = false, finetuned = false, upright = false;
};

std::vector<std::string> read_lines(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) throw fl::Error(fmt::format("cannot read '{}'", file));
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

void print_top(const std::string& name, std::span<const float> logits,
               std::span<const std::string> labels) {
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto count = std::min<std::ptrdiff_t>(5, std::ssize(order));
  const auto value = [&](int c) { return logits[std::size_t(c)]; };
  std::partial_sort(order.begin(), order.begin() + count, order.end(),
                    [&](int a, int b) { return value(a) > value(b); });
  double sum = 0;
  for (const float z : logits) sum += std::exp(double(z - value(order[0])));
  fmt::print("{}\n", name);
  for (int k = 0; k < count; ++k) {
    const int c = order[std::size_t(k)];
    fmt::print(
        "  {:5.1f} %  {}\n", 100 * std::exp(double(value(c) - value(order[0]))) / sum,
        std::size_t(c) < labels.size() ? labels[std::size_t(c)] : fmt::format("class {}", c));
  }
}

template <class Model, int Side>
int run(const Options& options, const fl::EvaluationTransform& transform) {
  fl::Network<Model, fl::Input<3, Side, Side>> network{fl::max_batch(1)};
  fl::load(network, options.weights);
  std::vector<std::string> labels;
  if (!options.labels.empty()) {
    labels = read_lines(options.labels);
  } else if (const fl::StateDict file = fl::read_weights(options.weights);
             file.metadata.contains("classes")) {
    std::istringstream names(file.metadata.find("classes")->second);
    for (std::string name; std::getline(names, name);) labels.push_back(name);
  }
  if (const int outputs = decltype(network)::output_shape.channels;
      !labels.empty() && int(labels.size()) != outputs)
    throw fl::Error(fmt::format("{} names of classes for a network of {}", labels.size(), outputs));
  int failures = 0;
  std::vector<float> pixels(3 * Side * Side);
  for (const std::string& image : options.images) {
    try {
      transform(
          fl::read_image(image, {.orientation = options.upright ? fl::Orientation::upright
                                                                : fl::Orientation::as_stored}),
          pixels);
    } catch (const fl::Error& error) {  // go on with the other pictures
      fmt::print(stderr, "{}\n", error.what());
      ++failures;
      continue;
    }
    const std::span<const float> logits = network.predict(pixels);
    if (!std::all_of(logits.begin(), logits.end(), [](float z) { return std::isfinite(z); })) {
      fmt::print(stderr, "the network's outputs for '{}' are not finite\n", image);
      ++failures;
      continue;
    }
    if (options.logits) {
      for (std::size_t k = 0; k < logits.size(); ++k)
        fmt::print("{}{:.9g}", k == 0 ? "" : " ", logits[k]);
      fmt::print("\n");
    } else {
      print_top(image, logits, labels);
    }
  }
  return failures == 0 ? 0 : 1;
}

int main(int argc, char** argv) {
  Options options;
  examples::CommandLine line("Classifies pictures (JPEG, PNG) with a ResNet-18");
  line.required_text("--weights", options.weights,
                     "torchvision's resnet18 (.pth, .safetensors), or a file of finetune");
  line.rest("images", options.images, "pictures");
  line.flag("--finetuned", options.finetuned,
            "the weights are finetune's: width 16, ten classes, pictures of 96x96");
  line.text("--labels", options.labels, "file of class names, one per line");
  line.flag("--upright", options.upright, "turn photos as their EXIF data say");
  line.flag("--logits", options.logits, "one line of raw logits per picture, with 9 digits");
  line.parse(argc, argv);
  try {
    return options.finetuned ? run<Finetuned, 96>(options, {.resize = 96, .crop = 96})
                             : run<ImageNet, 224>(options, fl::EvaluationTransform{});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    if (!options.finetuned)
      fmt::print(stderr, "the network is torchvision's resnet18; for finetune's add --finetuned\n");
    return 1;
  }
}
