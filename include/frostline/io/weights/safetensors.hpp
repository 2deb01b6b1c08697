// SPDX-License-Identifier: MIT
// Reads and writes safetensors files.
#pragma once

#include <jansson.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "frostline/core/element_type.hpp"
#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/files/file_in_progress.hpp"
#include "frostline/io/files/mapped_file.hpp"
#include "frostline/io/files/unreadable.hpp"
#include "frostline/io/weights/half.hpp"
#include "frostline/io/weights/state_dict.hpp"

namespace frostline {

/// A tensor to be written, row-major.
struct TensorToWrite {
  std::string key;
  std::vector<std::int64_t> extents;
  ElementType type = ElementType::f32;  // f32, f16 or bf16 of floats; i64 of integers
  std::variant<std::span<const float>, std::span<const std::int64_t>> data;
};

namespace detail {

struct JsonRelease {
  void operator()(json_t* json) const { json_decref(json); }
};
using Json = std::unique_ptr<json_t, JsonRelease>;

constexpr std::uint64_t max_safetensors_header = 100'000'000;

inline std::optional<ElementType> element_type_of(std::string_view name) {
  using enum ElementType;
  for (const ElementType type : {f16, bf16, f32, f64, u8, i8, i16, i32, i64, boolean})
    if (name_of(type) == name) return type;
  return std::nullopt;
}

inline std::string_view text_of(const json_t* json) {
  return json_is_string(json) ? std::string_view(json_string_value(json), json_string_length(json))
                              : std::string_view{};
}

inline std::optional<std::vector<std::int64_t>> integers_of(const json_t* json) {
  if (!json_is_array(json)) return std::nullopt;
  std::vector<std::int64_t> integers(json_array_size(json));
  for (std::size_t i = 0; i < integers.size(); ++i) {
    const json_t* item = json_array_get(json, i);
    if (!json_is_integer(item) || json_integer_value(item) < 0) return std::nullopt;
    integers[i] = json_integer_value(item);
  }
  return integers;
}

inline StateDict read_safetensors(const std::shared_ptr<const MappedFile>& file) {
  const auto fail = [&](std::string_view reason) { return unreadable(file->name(), reason); };
  const std::span<const std::byte> bytes = file->bytes();
  std::uint64_t header = 0;
  if (bytes.size() < sizeof header) throw fail("it is too short for a safetensors file");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header > max_safetensors_header)
    throw fail(format_text("its safetensors header would have {} bytes, over 100 MB", header));
  if (header > bytes.size() - sizeof header)
    throw fail(format_text("it is cut short: its safetensors header has {} bytes", header));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + sizeof header,
                              static_cast<std::size_t>(header));
  json_error_t error;
  const Json json(json_loadb(text.data(), text.size(), JSON_REJECT_DUPLICATES, &error));
  if (!json) throw fail(format_text("its safetensors header is not JSON: {}", error.text));
  if (!json_is_object(json.get()) || !text.starts_with('{'))
    throw fail("its safetensors header is not a JSON object");

  const auto data = bytes.subspan(sizeof header + text.size());
  StateDict state{{}, {}, file, {}};
  struct Range {
    std::int64_t begin, end;
    std::string_view key;
  };
  std::vector<Range> ranges;
  for (void* i = json_object_iter(json.get()); i; i = json_object_iter_next(json.get(), i)) {
    const std::string_view key(json_object_iter_key(i), json_object_iter_key_len(i));
    json_t* const value = json_object_iter_value(i);
    if (key == "__metadata__") {
      if (!json_is_object(value)) throw fail("its metadata is not a JSON object");
      for (void* j = json_object_iter(value); j; j = json_object_iter_next(value, j)) {
        if (!json_is_string(json_object_iter_value(j))) throw fail("its metadata is not all text");
        state.metadata.emplace(json_object_iter_key(j), text_of(json_object_iter_value(j)));
      }
      continue;
    }
    const auto fail_tensor = [&](std::string_view reason) {
      return fail(format_text("its tensor '{}' {}", printable(key), reason));
    };
    const std::string_view type_name = text_of(json_object_get(value, "dtype"));
    const auto extents = integers_of(json_object_get(value, "shape"));
    const auto offsets = integers_of(json_object_get(value, "data_offsets"));
    if (type_name.empty() || !extents || !offsets || offsets->size() != 2)
      throw fail_tensor("lacks a proper dtype, shape or data_offsets");
    const std::int64_t begin = (*offsets)[0], end = (*offsets)[1];
    if (begin > end || static_cast<std::uint64_t>(end) > data.size())
      throw fail_tensor(
          format_text("lies at [{}, {}) of {} bytes of data: the file is damaged, or was cut short",
                      begin, end, data.size()));
    ranges.push_back({begin, end, key});
    const auto type = element_type_of(type_name);
    if (!type) {
      state.others.emplace(key, format_text("a tensor of type '{}'", printable(type_name)));
      continue;
    }
    const auto count = count_elements(*extents);
    const auto bytes_each = static_cast<std::int64_t>(size_of(*type));
    if (!count || (end - begin) % bytes_each != 0 || (end - begin) / bytes_each != *count)
      throw fail_tensor(format_text("has {} bytes, which shape {} of {} does not have", end - begin,
                                    to_text(*extents), type_name));
    const auto range =
        data.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    state.tensors.emplace(key, StoredTensor{*type, *extents, row_major_strides(*extents), range});
  }

  const auto earlier = [](const Range& a, const Range& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  };
  std::sort(ranges.begin(), ranges.end(), earlier);
  std::int64_t end = 0;
  for (const Range& range : ranges) {
    if (range.begin != end)
      throw fail(format_text("its tensor '{}' {} another", printable(range.key),
                             range.begin < end ? "overlaps" : "leaves a hole after"));
    end = range.end;
  }
  if (static_cast<std::uint64_t>(end) != data.size())
    throw fail(format_text("its tensors have {} bytes, its data {}", end, data.size()));
  return state;
}

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

}  // namespace detail

/// The tensors and the metadata of a safetensors file; those of element types that frostline lacks
/// are named in `others`.
/// Throws: Error for a missing or damaged file, and for tensors that overlap or leave holes.
/// Source: https://github.com/huggingface/safetensors (format)
inline StateDict read_safetensors(const std::filesystem::path& path) {
  return detail::read_safetensors(std::make_shared<const MappedFile>(path));
}

/// Writes a safetensors file, which replaces one of this name only when it is complete.
/// F16 and BF16 round to nearest, what is too small to 0; NaN and infinity are written as such.
/// Throws: Error for a key that is there twice, for data that do not fit a tensor's extents or
/// type, for a number that would become infinite, and when the file cannot be written.
inline void write_safetensors(const std::filesystem::path& path,
                              const std::vector<TensorToWrite>& tensors,
                              const std::map<std::string, std::string>& metadata = {}) {
  const auto fail = [&](std::string_view key, std::string_view reason) {
    return Error(format_text("cannot write '{}': tensor '{}' {}", path.string(), key, reason));
  };
  std::vector<const TensorToWrite*> ordered;
  for (const TensorToWrite& tensor : tensors) ordered.push_back(&tensor);
  // As the reference does: the widest type first, so that everything is aligned.
  std::sort(ordered.begin(), ordered.end(), [](const TensorToWrite* a, const TensorToWrite* b) {
    const auto widths = std::pair(size_of(b->type), size_of(a->type));
    return widths.first != widths.second ? widths.first < widths.second : a->key < b->key;
  });

  const detail::Json json(json_object());
  if (!metadata.empty()) {
    json_t* const texts = json_object();
    json_object_set_new(json.get(), "__metadata__", texts);
    for (const auto& [key, text] : metadata)
      if (json_object_set_new(texts, key.c_str(), json_stringn(text.data(), text.size())) != 0)
        throw Error(
            format_text("cannot write '{}': metadata '{}' is not UTF-8", path.string(), key));
  }
  std::size_t end = 0;
  for (const TensorToWrite* tensor : ordered) {
    const bool integers = tensor->data.index() == 1;
    const std::size_t count = std::visit([](auto data) { return data.size(); }, tensor->data);
    const auto wanted = detail::count_elements(tensor->extents);
    if (!wanted || static_cast<std::uint64_t>(*wanted) != count)
      throw fail(tensor->key, format_text("has extents {}, but {} elements",
                                          detail::to_text(tensor->extents), count));
    if (integers ? tensor->type != ElementType::i64
                 : tensor->type != ElementType::f32 && tensor->type != ElementType::f16 &&
                       tensor->type != ElementType::bf16)
      throw fail(tensor->key, format_text("cannot be written as {} from {}", name_of(tensor->type),
                                          integers ? "integers" : "floats"));
    if (tensor->type == ElementType::f16 || tensor->type == ElementType::bf16)
      for (const float value : std::get<0>(tensor->data))
        if (!(tensor->type == ElementType::f16 ? fits_f16(value) : fits_bf16(value)))
          throw fail(
              tensor->key,
              format_text("holds {}, which {} cannot hold; write {}", value, name_of(tensor->type),
                          tensor->type == ElementType::f16 ? "BF16 or F32" : "F32"));
    if (tensor->key == "__metadata__" || json_object_get(json.get(), tensor->key.c_str()))
      throw fail(tensor->key, "is there twice");
    const std::size_t begin = end;
    end += count * size_of(tensor->type);
    json_t* const shape = json_array();
    for (const std::int64_t extent : tensor->extents)
      json_array_append_new(shape, json_integer(extent));
    json_t* const entry = json_pack("{s:s%, s:o, s:[I, I]}", "dtype", name_of(tensor->type).data(),
                                    name_of(tensor->type).size(), "shape", shape, "data_offsets",
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
    throw Error(format_text("cannot write '{}': its header would exceed 100 MB", path.string()));
  detail::FileInProgress file(path);
  file.write(&length, sizeof length);
  file.write(header.data(), header.size());
  for (const TensorToWrite* tensor : ordered) detail::write_elements(file, *tensor);
  file.finish();
}

}  // namespace frostline
