// SPDX-License-Identifier: MIT
// The body of write_safetensors.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "frostline/core/body.hpp"
#include "frostline/core/element_type.hpp"
#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/files/file_in_progress.hpp"
#include "frostline/io/weights/half.hpp"
#include "frostline/io/weights/safetensors_json.hpp"
#include "frostline/io/weights/state_dict.hpp"
#include "frostline/io/weights/write_safetensors.hpp"

namespace frostline::detail {

inline void write_elements(FileInProgress& file, const TensorToWrite& tensor) {
  if (const auto* integers = std::get_if<std::span<const std::int64_t>>(&tensor.data))
    return file.write(integers->data(), integers->size_bytes());
  auto floats = std::get<std::span<const float>>(tensor.data);
  if (tensor.type == ElementType::f32) return file.write(floats.data(), floats.size_bytes());
  const auto convert = tensor.type == ElementType::f16 ? f16_from_float : bf16_from_float;
  std::array<std::uint16_t, 4096> halves;
  while (!floats.empty()) {
    const auto part = floats.first(std::min(floats.size(), halves.size()));
    std::transform(part.begin(), part.end(), halves.begin(), convert);
    file.write(halves.data(), part.size() * sizeof(std::uint16_t));
    floats = floats.subspan(part.size());
  }
}

}  // namespace frostline::detail

namespace frostline {

FROSTLINE_BODY void write_safetensors(const std::string& path,
                                      const std::vector<TensorToWrite>& tensors,
                                      const std::map<std::string, std::string>& metadata) {
  const auto fail = [&](std::string_view key, std::string_view reason) {
    return Error(detail::format_text("cannot write '{}': tensor '{}' {}", path, key, reason));
  };
  std::vector<const TensorToWrite*> ordered;
  for (const TensorToWrite& tensor : tensors) ordered.push_back(&tensor);
  // As in the reference, tensors of the widest type come first, so that all are aligned.
  std::sort(ordered.begin(), ordered.end(), [](const TensorToWrite* a, const TensorToWrite* b) {
    const auto widths = std::pair(detail::size_of(b->type), detail::size_of(a->type));
    return widths.first != widths.second ? widths.first < widths.second : a->key < b->key;
  });

  const detail::Json json(json_object());
  if (!metadata.empty()) {
    json_t* const texts = json_object();
    json_object_set_new(json.get(), "__metadata__", texts);
    for (const auto& [key, text] : metadata)
      if (json_object_set_new(texts, key.c_str(), json_stringn(text.data(), text.size())) != 0)
        throw Error(
            detail::format_text("cannot write '{}': metadata '{}' is not UTF-8", path, key));
  }
  std::size_t end = 0;
  for (const TensorToWrite* tensor : ordered) {
    const bool integers = tensor->data.index() == 1;
    const std::size_t count = std::visit([](auto data) { return data.size(); }, tensor->data);
    const auto wanted = detail::count_elements(tensor->extents);
    if (!wanted || static_cast<std::uint64_t>(*wanted) != count)
      throw fail(tensor->key, detail::format_text("has extents {}, but {} elements",
                                                  detail::to_text(tensor->extents), count));
    if (integers ? tensor->type != ElementType::i64
                 : tensor->type != ElementType::f32 && tensor->type != ElementType::f16 &&
                       tensor->type != ElementType::bf16)
      throw fail(tensor->key, detail::format_text("cannot be written as {} from {}",
                                                  detail::name_of(tensor->type),
                                                  integers ? "integers" : "floats"));
    if (tensor->type == ElementType::f16 || tensor->type == ElementType::bf16)
      for (const float value : std::get<0>(tensor->data))
        if (!(tensor->type == ElementType::f16 ? detail::fits_f16(value)
                                               : detail::fits_bf16(value)))
          throw fail(tensor->key,
                     detail::format_text("holds {}, which {} cannot hold; write {}", value,
                                         detail::name_of(tensor->type),
                                         tensor->type == ElementType::f16 ? "BF16 or F32" : "F32"));
    if (tensor->key == "__metadata__" || json_object_get(json.get(), tensor->key.c_str()))
      throw fail(tensor->key, "is there twice");
    const std::size_t begin = end;
    end += count * detail::size_of(tensor->type);
    json_t* const shape = json_array();
    for (const std::int64_t extent : tensor->extents)
      json_array_append_new(shape, json_integer(extent));
    json_t* const entry =
        json_pack("{s:s%, s:o, s:[I, I]}", "dtype", detail::name_of(tensor->type).data(),
                  detail::name_of(tensor->type).size(), "shape", shape, "data_offsets",
                  static_cast<json_int_t>(begin), static_cast<json_int_t>(end));
    if (json_object_setn_new(json.get(), tensor->key.data(), tensor->key.size(), entry) != 0)
      throw fail(tensor->key, "has a key that is not UTF-8");
  }

  const std::unique_ptr<char, void (*)(void*)> text(json_dumps(json.get(), JSON_COMPACT),
                                                    std::free);
  std::string header(text.get());
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = header.size();
  if (length > detail::max_safetensors_header)
    throw Error(detail::format_text("cannot write '{}': its header would exceed 100 MB", path));
  FileInProgress file(path);
  file.write(&length, sizeof length);
  file.write(header.data(), header.size());
  for (const TensorToWrite* tensor : ordered) detail::write_elements(file, *tensor);
  file.finish();
}

}  // namespace frostline
