// SPDX-License-Identifier: MIT
// save: a network's weights to a file.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/weights/safetensors.hpp"
#include "frostline/network/network.hpp"

namespace frostline {

/// How a network is written.
struct SaveOptions {
  ElementType type = ElementType::f32;  // of parameters: F32, F16 or BF16; of buffers always F32
  std::map<std::string, std::string> metadata{};
  bool allow_not_finite = false;  // write NaN and infinity too
};

namespace detail {

/// Throws: Error for a name by which other programs would take safetensors for something else.
inline void require_no_other_format(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const std::string_view other : {".pth", ".pt", ".bin", ".ckpt", ".onnx"})
    if (extension == other)
      throw Error(format_text(
          "cannot write '{}': what is written is safetensors, which is not read "
          "under such a name; name it '{}'",
          path.string(), std::filesystem::path(path).replace_extension(".safetensors").string()));
}

/// Throws: Error, which names the tensors, if any number is not finite.
inline void require_finite(const std::filesystem::path& path,
                           std::span<const TensorToWrite> tensors) {
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
                  "diverged? The file is left as it was; SaveOptions{{.allow_not_finite = true}} "
                  "writes all",
                  path.string(), names));
}

template <class Backend>
void save(const Executor<Backend>& network, const std::filesystem::path& path,
          const SaveOptions& options) {
  require_no_other_format(path);
  const std::vector<NamedTensor> tensors = network.tensors();
  std::vector<std::vector<float>> floats(tensors.size());
  std::vector<std::vector<std::int64_t>> integers(tensors.size());
  std::vector<TensorToWrite> writes;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const NamedTensor& tensor = tensors[i];
    if (tensor.type == ElementType::i64) {
      integers[i].resize(tensor.size);
      network.read(tensor, std::span(integers[i]));
      writes.push_back({tensor.key, tensor.extents, ElementType::i64,
                        std::span<const std::int64_t>(integers[i])});
    } else {
      floats[i].resize(tensor.size);
      network.read(tensor, std::span(floats[i]));
      writes.push_back({tensor.key, tensor.extents,
                        tensor.is_buffer ? ElementType::f32 : options.type,
                        std::span<const float>(floats[i])});
    }
  }
  if (!options.allow_not_finite) require_finite(path, writes);
  write_safetensors(path, writes, options.metadata);
}

}  // namespace detail

/// Writes all parameters and buffers as safetensors, with torchvision's keys. Parameters are
/// written as `options.type`, rounded to nearest, in F16 and BF16 to 0 where they are too small;
/// buffers, such as running statistics, are always F32, since they may exceed what F16 holds.
/// A file of this name is replaced only when the new one is complete, and keeps its permissions;
/// where it is a symbolic link, its target is replaced. Other hard links of the old file keep the
/// old contents.
/// Throws: Error, with the old file as it was, if the name ends as another format's (.pth, .pt,
/// .bin, .ckpt, .onnx: what reads these does not read safetensors), if a number is not finite (a
/// training that diverged never writes over good weights) or too large for the type, if the file
/// cannot be written, or if frozen weights lie in a file that was changed.
template <class Net>
void save(const Net& network, const std::filesystem::path& path, const SaveOptions& options = {}) {
  detail::save(network.executor(), path, options);
}

}  // namespace frostline
