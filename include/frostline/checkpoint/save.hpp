// SPDX-License-Identifier: MIT
// save: a network's weights to a file.
#pragma once

#include <cstddef>
#include <cstdint>
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
  ElementType type = ElementType::f32;  // of parameters: F32, F16 or BF16; buffers are always F32
  std::map<std::string, std::string> metadata{};
  bool allow_not_finite = false;  // write NaN and infinity too
};

}  // namespace frostline

namespace frostline::detail {

/// Throws: Error if the name has an extension of another format.
void require_no_other_format(const std::string& path);

/// Throws: Error, which names the tensors, if a number is not finite and the options do not allow
/// this; and as write_safetensors.
void write_tensors(const std::string& path, const std::vector<TensorToWrite>& tensors,
                   const SaveOptions& options);

template <class Backend>
void save(const ParameterStore<Backend>& network, const std::string& path,
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

}  // namespace frostline::detail

namespace frostline {

/// Writes all parameters and buffers as safetensors, with torchvision's keys. Parameters are
/// rounded to the nearest number of `options.type`. Buffers, such as running statistics, are always
/// F32, since they may be too large for F16.
/// A file of this name is replaced only when the new one is complete, and keeps its permissions. If
/// the path is a symbolic link, its target is replaced. Other hard links of the old file keep the
/// old contents.
/// Throws: Error, with the old file as it was, if the name has the extension of another format
/// (.pth, .pt, .bin, .ckpt, .onnx, whose readers do not read safetensors), if a number is too large
/// for the type or not finite (so that a training that diverged does not replace good weights), if
/// the file cannot be written, or if the file that has the frozen weights was changed.
template <class Net>
void save(const Net& network, const std::string& path, const SaveOptions& options = {}) {
  detail::save(network.executor().store(), path, options);
}

}  // namespace frostline

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/checkpoint/save_body.hpp"
#endif
