// SPDX-License-Identifier: MIT
// save: a network's weights to a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "frostline/core/element_type.hpp"
#include "frostline/io/weights/write_safetensors.hpp"
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
void require_no_other_format(const std::filesystem::path& path);

/// Throws: Error, which names the tensors, if a number is not finite and has to be; and as
/// write_safetensors.
void write_tensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors,
                   const SaveOptions& options);

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
  write_tensors(path, writes, options);
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

// Compiled once by frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/checkpoint/save_body.hpp"
#endif
