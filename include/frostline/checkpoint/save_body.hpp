// SPDX-License-Identifier: MIT
// The bodies of checkpoint/save.hpp: checks before anything is written.
#pragma once

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "frostline/checkpoint/save.hpp"
#include "frostline/core/body.hpp"
#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/weights/write_safetensors.hpp"

namespace frostline::detail {

FROSTLINE_BODY void require_no_other_format(const std::string& path) {
  std::string extension = std::filesystem::path(path).extension().string();
  for (char& c : extension) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const std::string_view other : {".pth", ".pt", ".bin", ".ckpt", ".onnx"})
    if (extension == other)
      throw Error(format_text(
          "cannot write '{}': the format is safetensors, which other programs do not read "
          "under such a name; name it '{}'",
          path, std::filesystem::path(path).replace_extension(".safetensors").string()));
}

/// Throws: Error, which names the tensors, if any number is not finite.
inline void require_finite(const std::string& path, std::span<const TensorToWrite> tensors) {
  constexpr std::size_t named = 5;
  std::string names;
  std::size_t found = 0;
  for (const TensorToWrite& tensor : tensors) {
    const auto* floats = std::get_if<std::span<const float>>(&tensor.data);
    if (!floats) continue;
    std::size_t count = 0;
    for (const float value : *floats) count += std::isfinite(value) ? 0 : 1;
    if (count > 0 && found++ < named)
      names += format_text("{}'{}' ({} of {})", found == 1 ? "" : ", ", tensor.key, count,
                           floats->size());
  }
  if (found == 0) return;
  if (found > named) names += format_text(" and {} more tensors", found - named);
  throw Error(
      format_text("cannot write '{}': the network holds NaN or infinity in {}; has its training "
                  "diverged? The file stays as it was; SaveOptions{{.allow_not_finite = true}} "
                  "writes them",
                  path, names));
}

FROSTLINE_BODY void write_tensors(const std::string& path,
                                  const std::vector<TensorToWrite>& tensors,
                                  const SaveOptions& options) {
  if (!options.allow_not_finite) require_finite(path, tensors);
  write_safetensors(path, tensors, options.metadata);
}

}  // namespace frostline::detail
