// SPDX-License-Identifier: MIT
// Trying out a folder for results.
#include "output.hpp"

#include <fmt/format.h>

#include "frostline/core/error.hpp"
#include "frostline/io/file_in_progress.hpp"

namespace examples {

namespace fl = frostline;

void prepare_output(const std::filesystem::path& folder, const std::vector<std::string>& files,
                    std::size_t bytes) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder, error))
    throw fl::Error(fmt::format("cannot make the folder '{}': {}", folder.string(),
                                error ? error.message() : "something else has this name"));
  for (const std::string& file : files) {
    fl::detail::FileInProgress trial(folder / file);  // gone again without finish()
    trial.write("?", 1);
  }
  const auto disk = std::filesystem::space(folder, error);
  if (!error && disk.available < bytes)
    throw fl::Error(
        fmt::format("the folder '{}' is on a disk with {} bytes free, and results take {}",
                    folder.string(), disk.available, bytes));
}

std::string folder_name(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(folder, error).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return path.filename().string();
}

}  // namespace examples
