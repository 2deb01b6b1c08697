// SPDX-License-Identifier: MIT
// Files of raw numbers, through which the golden programs get batches and return logits.
#pragma once

#include <fmt/format.h>

#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "frostline/core/error.hpp"

template <class Number>
std::vector<Number> read_numbers(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::vector<Number> numbers(file ? std::size_t(file.tellg()) / sizeof(Number) : 0);
  file.seekg(0);
  file.read(reinterpret_cast<char*>(numbers.data()),
            std::streamsize(numbers.size() * sizeof(Number)));
  if (!file) throw frostline::Error(fmt::format("cannot read '{}'", path));
  return numbers;
}

inline void write_numbers(const std::string& path, std::span<const float> numbers) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(numbers.data()), std::streamsize(numbers.size_bytes()));
  if (!file) throw frostline::Error(fmt::format("cannot write '{}'", path));
}
