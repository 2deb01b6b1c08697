// SPDX-License-Identifier: MIT
// The folder that a program writes its results to, tried before the work that they take.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace examples {

/// Makes a folder, and finds out whether these files can be written in it, and so many bytes, by
/// writing them. Files that are there already stay as they are.
/// Throws: Error, which names the folder or the file.
void prepare_output(const std::filesystem::path& folder, const std::vector<std::string>& files,
                    std::size_t bytes);

/// The last name of a folder's path, of "data/pets/" and "." too.
std::string folder_name(const std::filesystem::path& folder);

}  // namespace examples
