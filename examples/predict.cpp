// SPDX-License-Identifier: MIT
// Classifies pictures with a network from a file: the five most likely classes, or raw logits.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <frostline/core/error.hpp>
#include <frostline/io/images/image.hpp>
#include <frostline/io/weights/read_weights.hpp>
#include <fstream>
#include <numeric>

#include "support/classifier.hpp"
#include "support/command_line.hpp"
#include "support/model_file.hpp"

namespace fl = frostline;

struct Options {
  std::string weights;
  std::vector<std::string> images;
  std::string labels, model = "resnet18";
  bool logits = false, upright = false;
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

std::vector<examples::CompiledModel> compiled_models() {
  std::vector<examples::CompiledModel> models = examples::resnets();
  for (const auto& more : {examples::efficientnet_lites(), examples::other_models()})
    models.insert(models.end(), more.begin(), more.end());
  return models;
}

/// What holds if the file does not say.
examples::ModelFacts assumed(const fl::StateDict& file, const Options& options) {
  const auto named = file.metadata.find("model");
  const std::string name = named == file.metadata.end() ? options.model : named->second;
  for (const examples::CompiledModel& model : compiled_models())
    if (model.name == name) return {name, {.resize = model.resize, .crop = model.size}};
  return {name};
}

/// The compiled network that the file's facts ask for.
examples::CompiledModel choose(const examples::ModelFacts& facts) {
  std::string names, sizes;
  for (const examples::CompiledModel& model : compiled_models()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", model.name);
    if (model.name != facts.model) continue;
    if (model.size == facts.transform.crop) return model;
    sizes += fmt::format("{}{}", sizes.empty() ? "" : ", ", model.size);
  }
  if (sizes.empty())
    throw fl::Error(
        fmt::format("the model is '{}', but this program was compiled for {}", facts.model, names));
  throw fl::Error(fmt::format(
      "the file's {} takes pictures of {} pixels, but this program was compiled for {}; "
      "examples/predict_*.cpp have the sizes",
      facts.model, facts.transform.crop, sizes));
}

int run(const Options& options) {
  const fl::StateDict file = fl::read_weights(options.weights);
  const examples::ModelFacts facts = examples::model_facts(file, assumed(file, options));
  const examples::CompiledModel model = choose(facts);
  // If the layer is missing, loading says so.
  const int outputs = examples::outputs_of(file, facts).value_or(1000);
  const std::vector<std::string> labels =
      options.labels.empty() ? facts.classes : read_lines(options.labels);
  if (!labels.empty() && int(labels.size()) != outputs)
    throw fl::Error(fmt::format("{} names of classes for a network of {}", labels.size(), outputs));
  std::unique_ptr<examples::Classifier> network;
  try {
    network = model.load(options.weights, outputs);
  } catch (const fl::Error& error) {
    if (file.metadata.contains("model")) throw;
    throw fl::Error(
        fmt::format("{}\nthe file names no model, so the network is {}; --model names "
                    "another",
                    error.what(), facts.model));
  }
  const fl::Orientation orientation =
      options.upright || facts.upright ? fl::Orientation::upright : fl::Orientation::as_stored;
  int failures = 0;
  std::vector<float> pixels(3 * std::size_t(model.size) * std::size_t(model.size));
  for (const std::string& image : options.images) {
    try {
      facts.transform(fl::read_image(image, {.orientation = orientation}), pixels);
    } catch (const fl::Error& error) {  // go on with the other pictures
      fmt::print(stderr, "{}\n", error.what());
      ++failures;
      continue;
    }
    const std::span<const float> logits = network->logits(pixels);
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
  examples::CommandLine line("Classifies pictures (JPEG, PNG) with the network that a file names");
  line.required_text(
      "--weights", options.weights,
      "a file of finetune, or torchvision's (.pth, .safetensors; not MobileNetV3's) with --model");
  line.rest("images", options.images, "pictures");
  line.text("--model", options.model,
            "the model of a file that names none: such as vit_b_16; without it resnet18");
  line.text("--labels", options.labels, "file of class names, one per line");
  line.flag("--upright", options.upright, "turn photos as their EXIF data say");
  line.flag("--logits", options.logits, "one line of raw logits per picture, with 9 digits");
  line.parse(argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
