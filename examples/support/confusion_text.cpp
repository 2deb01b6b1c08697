// SPDX-License-Identifier: MIT
// Formats a confusion matrix in columns.
#include "confusion_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "frostline/core/error.hpp"

namespace examples {
namespace {

constexpr int longest_name = 20;

int width_of(std::string_view name) {
  return int(std::count_if(name.begin(), name.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string total_and_accuracy(const ClassScore& score) {
  return score.total ? fmt::format("{:>8}{:>7.1f}%", score.total, 100 * score.accuracy())
                     : fmt::format("{:>8}{:>8}", 0, "-");
}

}  // namespace

std::vector<ClassScore> class_scores(const frostline::ConfusionMatrix& confusion) {
  std::vector<ClassScore> scores(std::size_t(confusion.classes()));
  for (int truth = 0; truth < confusion.classes(); ++truth) {
    ClassScore& score = scores[std::size_t(truth)];
    score.right = confusion(truth, truth);
    std::int64_t most = 0;
    for (int prediction = 0; prediction < confusion.classes(); ++prediction) {
      const std::int64_t count = confusion(truth, prediction);
      score.total += count;
      if (prediction == truth || count <= most) continue;
      most = count;
      score.taken_for = prediction;
    }
  }
  return scores;
}

std::string confusion_text(const frostline::ConfusionMatrix& confusion,
                           std::span<const std::string> classes, int columns) {
  if (int(classes.size()) != confusion.classes())
    throw frostline::Error(fmt::format("a confusion matrix of {} classes came with {} names",
                                       confusion.classes(), classes.size()));
  const std::vector<ClassScore> scores = class_scores(confusion);
  ClassScore all;
  int names = width_of("truth"), digits = 1;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    names = std::max(names, width_of(classes[i]));
    digits = std::max(digits, int(fmt::formatted_size("{}", scores[i].total)));
    all.right += scores[i].right;
    all.total += scores[i].total;
  }
  const int name_column = std::min(names, longest_name);
  const int space =
      (columns - name_column - width_of(total_and_accuracy({}))) / std::max(1, int(classes.size()));
  const int cell = std::min(space - 1, std::max(names, digits));
  const bool matrix = cell >= std::max(digits, 3);
  const auto name_cell = [&](std::string_view name) {
    return fmt::format("{:<{}.{}}", name, name_column, name_column);
  };

  std::string text = name_cell("truth");
  if (matrix)
    for (const std::string& name : classes) text += fmt::format(" {:>{}.{}}", name, cell, cell);
  text += fmt::format("{:>8}{:>8}{}\n", "total", "right", matrix ? "" : "  mostly taken for");
  for (int truth = 0; truth < confusion.classes(); ++truth) {
    const ClassScore& score = scores[std::size_t(truth)];
    text += name_cell(classes[std::size_t(truth)]);
    for (int prediction = 0; matrix && prediction < confusion.classes(); ++prediction) {
      const std::int64_t count = confusion(truth, prediction);
      text += count ? fmt::format(" {:>{}}", count, cell) : fmt::format(" {:>{}}", ".", cell);
    }
    text += total_and_accuracy(score);
    if (!matrix && score.taken_for >= 0)
      text += fmt::format("  {} ({})", classes[std::size_t(score.taken_for)],
                          confusion(truth, score.taken_for));
    text += '\n';
  }
  text += name_cell("all");
  if (matrix) text.append(classes.size() * std::size_t(cell + 1), ' ');
  return text + total_and_accuracy(all) + '\n';
}

}  // namespace examples
