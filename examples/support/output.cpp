// SPDX-License-Identifier: MIT
// Checks that results can be written to a folder.
#include "output.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "frostline/core/error.hpp"
#include "frostline/io/files/file_in_progress.hpp"

namespace examples {

namespace fl = frostline;

void prepare_output(const std::filesystem::path& folder, const std::vector<std::string>& files,
                    std::size_t bytes) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder, error))
    throw fl::Error(fmt::format("cannot create the folder '{}': {}", folder.string(),
                                error ? error.message() : "something else has this name"));
  const auto disk = std::filesystem::space(folder, error);
  if (!error && disk.available < bytes)
    throw fl::Error(
        fmt::format("the folder '{}' is on a disk with {} bytes free, and results take {}",
                    folder.string(), disk.available, bytes));
  // Without finish() the trial files are removed. The first is as large as all results.
  const std::vector<char> zeros(std::size_t(1) << 20);
  for (std::size_t i = 0; i < files.size(); ++i) {
    fl::FileInProgress trial(folder / files[i]);
    for (std::size_t left = i == 0 ? bytes : 0; left > 0; left -= std::min(left, zeros.size()))
      trial.write(zeros.data(), std::min(left, zeros.size()));
  }
}

std::string folder_name(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(folder, error).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return path.filename().string();
}

}  // namespace examples
