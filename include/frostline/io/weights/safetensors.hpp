// SPDX-License-Identifier: MIT
// Reads safetensors files.
#pragma once

#include <jansson.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frostline/core/element_type.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/files/mapped_file.hpp"
#include "frostline/io/files/unreadable.hpp"
#include "frostline/io/weights/safetensors_json.hpp"
#include "frostline/io/weights/state_dict.hpp"

namespace frostline::detail {

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
          format_text("is at [{}, {}) of {} bytes of data: the file is damaged, or was cut short",
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

  // By qsort, since std::sort takes a fifth of a second to compile.
  const auto by_place = [](const void* one, const void* other) {
    const Range &a = *static_cast<const Range*>(one), &b = *static_cast<const Range*>(other);
    const auto order = a.begin != b.begin ? a.begin <=> b.begin : a.end <=> b.end;
    return std::is_lt(order) ? -1 : int(std::is_gt(order));
  };
  if (!ranges.empty()) std::qsort(ranges.data(), ranges.size(), sizeof(Range), by_place);
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

/// The tensors and the metadata of a safetensors file; tensors of unsupported element types are
/// named in `others`.
/// Throws: Error for a missing or damaged file, and for tensors that overlap or leave holes.
/// Source: https://github.com/huggingface/safetensors (format)
inline StateDict read_safetensors(const std::string& path) {
  return read_safetensors(std::make_shared<const MappedFile>(path));
}

}  // namespace frostline::detail
