// SPDX-License-Identifier: MIT
// The bytes of a picture's file, and their format.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "frostline/core/format.hpp"
#include "frostline/io/images/pixels.hpp"

namespace frostline::detail {

/// Throws: Error, which names the file, if it is missing, not a regular file, or cannot be read.
inline std::vector<std::byte> read_image_file(const std::filesystem::path& path) {
  const std::string name = path.string();
  std::error_code problem;
  const auto status = std::filesystem::status(path, problem);
  if (std::filesystem::is_directory(status)) fail_image(name, "it is a directory");
  if (!std::filesystem::exists(status))
    fail_image(name,
               problem.value() == ENOENT || !problem ? "there is no such file" : problem.message());
  if (!std::filesystem::is_regular_file(status)) fail_image(name, "it is not a regular file");
  const std::uintmax_t size = std::filesystem::file_size(path, problem);
  if (problem) fail_image(name, problem.message());
  std::ifstream file(path, std::ios::binary);
  if (!file) fail_image(name, std::strerror(errno));
  auto bytes = allocate<std::byte>(size, format_text("the file '{}'", name));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!file) fail_image(name, "reading stopped before the file's end");
  return bytes;
}

inline bool starts_with(std::span<const std::uint8_t> data,
                        std::span<const std::uint8_t> signature) {
  return data.size() >= signature.size() &&
         std::equal(signature.begin(), signature.end(), data.begin());
}
inline bool is_jpeg(std::span<const std::uint8_t> data) {
  constexpr std::uint8_t signature[] = {0xff, 0xd8, 0xff};
  return starts_with(data, signature);
}
inline bool is_png(std::span<const std::uint8_t> data) {
  constexpr std::uint8_t signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  return starts_with(data, signature);
}

}  // namespace frostline::detail
