// SPDX-License-Identifier: MIT
// Shared by the image tests: the golden folder, its table, and the text of an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "frostline/core/error.hpp"

namespace golden {

inline std::filesystem::path folder() {
  return std::filesystem::path(FROSTLINE_GOLDEN_DIR) / "images";
}

inline std::vector<std::byte> bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::byte> bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

inline std::vector<std::uint8_t> pixels_of(const std::filesystem::path& path) {
  std::vector<std::uint8_t> pixels;
  for (const std::byte byte : bytes_of(path)) pixels.push_back(std::to_integer<std::uint8_t>(byte));
  return pixels;
}

/// The lines of images.txt that begin with `kind`, which is left out.
inline std::vector<std::istringstream> lines(const std::string& kind) {
  std::ifstream table(folder() / "images.txt");
  std::vector<std::istringstream> found;
  for (std::string line; std::getline(table, line);)
    if (line.rfind(kind + ' ', 0) == 0) found.emplace_back(line.substr(kind.size()));
  return found;
}

/// 64-bit FNV-1a in hexadecimal.
inline std::string hash(std::span<const std::byte> bytes) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (const std::byte byte : bytes)
    value = (value ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3;
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

/// The text of the frostline::Error that the action throws, or empty.
template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const frostline::Error& error) {
    return error.what();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// An empty folder that is removed with the object.
struct TemporaryFolder {
  std::filesystem::path path = std::filesystem::temp_directory_path() /
                               ("frostline-" + std::to_string(std::random_device{}()));

  TemporaryFolder() { std::filesystem::create_directory(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path); }

  std::filesystem::path write(const std::filesystem::path& name, std::span<const std::byte> bytes) {
    std::filesystem::create_directories((path / name).parent_path());
    std::ofstream file(path / name, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return path / name;
  }
};

}  // namespace golden
