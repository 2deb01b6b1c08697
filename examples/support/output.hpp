// SPDX-License-Identifier: MIT
// Checks, before the work, that results can be written to a folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace examples {

/// Creates a folder and checks, by writing, that these files can be written in it, with this many
/// bytes in all. Existing files stay as they are.
/// Throws: Error, which names the folder or the file.
void prepare_output(const std::filesystem::path& folder, const std::vector<std::string>& files,
                    std::size_t bytes);

/// The last name of a folder's path, also for "data/pets/" and ".".
std::string folder_name(const std::filesystem::path& folder);

}  // namespace examples
