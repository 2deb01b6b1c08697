// SPDX-License-Identifier: MIT
// Reads and writes what a file of weights says about its network.
#include "model_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <sstream>
#include <string_view>

#include "classifier.hpp"
#include "frostline/core/error.hpp"

namespace examples {
namespace {

frostline::Error wrong(std::string_view key, std::string_view text, std::string_view wanted) {
  constexpr std::size_t most = 60;
  return frostline::Error(fmt::format("the file's metadata \"{}\" are '{}{}', not {}", key,
                                      text.substr(0, most), text.size() > most ? "..." : "",
                                      wanted));
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

int side_in(std::string_view key, std::string_view text) {
  constexpr int most = 16384;
  const std::optional<int> side = number_in<int>(text);
  if (!side || *side < 1 || *side > most)
    throw wrong(key, text, fmt::format("a whole number from 1 to {}", most));
  return *side;
}

std::array<float, 3> three_in(std::string_view key, const std::string& text) {
  std::array<float, 3> numbers{};
  std::size_t count = 0;
  std::istringstream words(text);
  for (std::string word; words >> word; ++count) {
    const std::optional<float> number = number_in<float>(word);
    if (!number || count == numbers.size()) throw wrong(key, text, "three numbers");
    numbers[count] = *number;
  }
  if (count != numbers.size()) throw wrong(key, text, "three numbers");
  return numbers;
}

std::vector<std::string> names_in(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream lines(text);
  for (std::string name; std::getline(lines, name);) names.push_back(name);
  for (const std::string& name : names)
    if (name.empty()) throw wrong("classes", text, "a name a line: a line is empty");
  if (names.empty()) throw wrong("classes", text, "a name a line");
  return names;
}

std::string three(const float (&numbers)[3]) {
  return fmt::format("{} {} {}", numbers[0], numbers[1], numbers[2]);
}

}  // namespace

std::map<std::string, std::string> metadata_of(const ModelFacts& facts) {
  const auto& [resize, crop, normalization] = facts.transform;
  std::string names;
  for (const std::string& name : facts.classes) names += (names.empty() ? "" : "\n") + name;
  std::map<std::string, std::string> metadata{{"format", "pt"},
                                              {"model", facts.model},
                                              {"size", std::to_string(crop)},
                                              {"resize", std::to_string(resize)},
                                              {"mean", three(normalization.mean)},
                                              {"std", three(normalization.deviation)}};
  if (!names.empty()) metadata["classes"] = names;
  if (facts.upright) metadata["upright"] = "yes";
  return metadata;
}

ModelFacts model_facts(const frostline::StateDict& file, const ModelFacts& otherwise) {
  const auto text_of = [&](std::string_view key) -> const std::string* {
    const auto found = file.metadata.find(key);
    return found == file.metadata.end() ? nullptr : &found->second;
  };
  ModelFacts facts = otherwise;
  if (const std::string* model = text_of("model")) facts.model = *model;
  const std::string *size = text_of("size"), *resize = text_of("resize");
  if (size) facts.transform.resize = facts.transform.crop = side_in("size", *size);
  if (resize && !size) throw wrong("resize", *resize, "of use without a \"size\"");
  if (resize) facts.transform.resize = side_in("resize", *resize);
  const std::string *mean = text_of("mean"), *deviation = text_of("std");
  if (bool(mean) != bool(deviation))
    throw frostline::Error("the file's metadata have only one of \"mean\" and \"std\"");
  if (mean) {
    const std::array<float, 3> means = three_in("mean", *mean);
    const std::array<float, 3> deviations = three_in("std", *deviation);
    for (std::size_t c = 0; c < 3; ++c) {
      facts.transform.normalization.mean[c] = means[c];
      facts.transform.normalization.deviation[c] = deviations[c];
    }
    frostline::detail::check_normalization(facts.transform.normalization);
  }
  if (const std::string* classes = text_of("classes")) facts.classes = names_in(*classes);
  if (const std::string* upright = text_of("upright")) {
    if (*upright != "yes" && *upright != "no") throw wrong("upright", *upright, "yes or no");
    facts.upright = *upright == "yes";
  }
  return facts;
}

std::optional<int> outputs_of(const frostline::StateDict& file, const ModelFacts& facts) {
  for (const auto& [path, tensor] : file.tensors) {
    const std::string& key = path;  // clang++ 14 captures no structured binding
    const bool is_head = std::any_of(std::begin(linear_layers), std::end(linear_layers),
                                     [&](std::string_view layer) {
                                       const std::string weight = fmt::format("{}.weight", layer);
                                       return key == weight || key.ends_with("." + weight);
                                     });
    if (!is_head || tensor.extents.size() != 2) continue;
    const std::int64_t outputs = tensor.extents[0];
    if (!facts.classes.empty() && std::int64_t(facts.classes.size()) != outputs)
      throw frostline::Error(
          fmt::format("the file names {} classes, but its layer '{}' has {} outputs",
                      facts.classes.size(), key, outputs));
    if (outputs > std::numeric_limits<int>::max())
      throw frostline::Error(fmt::format("the file's layer '{}' has {} outputs", key, outputs));
    return int(outputs);
  }
  return std::nullopt;
}

}  // namespace examples
