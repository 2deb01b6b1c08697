// SPDX-License-Identifier: MIT
// Descriptions of storages in torch.save's pickles, and PyTorch's names of types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "frostline/core/element_type.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/files/unreadable.hpp"
#include "frostline/io/weights/pickle.hpp"

namespace frostline::detail {

/// The bytes of a file's storages.
class Storages {
 public:
  virtual ~Storages() = default;
  /// nullopt if there is none of this key.
  virtual std::optional<std::span<const std::byte>> find(std::string_view key) const = 0;
};

/// A type of storage. Types that frostline does not support have only a size, which is needed to
/// find the next storage in a file from before PyTorch 1.6.
struct StorageType {
  std::string_view name;
  std::optional<ElementType> type;
  std::size_t bytes_each;
};

inline const StorageType* storage_type(std::string_view global) {
  using enum ElementType;
  static constexpr StorageType types[] = {
      {"torch.FloatStorage", f32, 4},       {"torch.HalfStorage", f16, 2},
      {"torch.BFloat16Storage", bf16, 2},   {"torch.DoubleStorage", f64, 8},
      {"torch.LongStorage", i64, 8},        {"torch.IntStorage", i32, 4},
      {"torch.ShortStorage", i16, 2},       {"torch.CharStorage", i8, 1},
      {"torch.ByteStorage", u8, 1},         {"torch.BoolStorage", boolean, 1},
      {"torch.UntypedStorage", u8, 1},      {"torch.storage.UntypedStorage", u8, 1},
      {"torch.ComplexFloatStorage", {}, 8}, {"torch.ComplexDoubleStorage", {}, 16},
      {"torch.QInt8Storage", {}, 1},        {"torch.QUInt8Storage", {}, 1},
      {"torch.QInt32Storage", {}, 4},       {"torch.QUInt4x2Storage", {}, 1},
      {"torch.QUInt2x4Storage", {}, 1}};
  for (const StorageType& type : types)
    if (type.name == global) return &type;
  return nullptr;
}

inline std::optional<ElementType> tensor_type(std::string_view global) {
  using enum ElementType;
  constexpr std::string_view names[] = {
      "torch.float16", "torch.bfloat16", "torch.float32", "torch.float64", "torch.uint8",
      "torch.int8",    "torch.int16",    "torch.int32",   "torch.int64",   "torch.bool"};
  constexpr ElementType types[] = {f16, bf16, f32, f64, u8, i8, i16, i32, i64, boolean};
  for (std::size_t i = 0; i < std::size(names); ++i)
    if (names[i] == global) return types[i];
  return std::nullopt;
}

/// The description of a storage in a persistent id. Units: elements.
struct StorageReference {
  std::string_view key;
  std::string_view type_name;
  std::optional<ElementType> type;  // nullopt: not supported
  std::size_t bytes_each;           // 0: unknown
  std::int64_t count;               // of the whole storage
  std::int64_t view_offset;         // where the view begins, in files of PyTorch before 0.4
  std::int64_t view_count;
};

/// Whether a persistent id describes a class, as in old files of whole modules.
inline bool names_class(const Pickle& pickle, const PickleValue& persistent) {
  const PickleValue& id = pickle[persistent.items[0]];
  return id.kind == PickleValue::Kind::tuple && !id.items.empty() &&
         pickle[id.items[0]].text == "module";
}

inline StorageReference storage_reference(const Pickle& pickle, const PickleValue& persistent,
                                          std::string_view file) {
  const auto fail = [&] { return unreadable(file, "its pickle refers to a storage wrongly"); };
  const PickleValue& id = pickle[persistent.items[0]];
  if (id.kind != PickleValue::Kind::tuple || id.items.size() < 5) throw fail();
  const auto item = [&](std::size_t i) -> const PickleValue& { return pickle[id.items[i]]; };
  const std::int64_t count = item(4).integer;
  if (item(0).text != "storage" || item(1).kind != PickleValue::Kind::global ||
      item(2).kind != PickleValue::Kind::text || item(4).kind != PickleValue::Kind::integer ||
      count < 0)
    throw fail();
  const std::string_view type_name = item(1).text;
  StorageReference reference{item(2).text, type_name, std::nullopt, 0, count, 0, count};
  if (const StorageType* known = storage_type(type_name)) {
    reference.type = known->type;
    reference.bytes_each = known->bytes_each;
  }
  if (id.items.size() > 5 && item(5).kind == PickleValue::Kind::tuple) {
    const std::vector<PickleValue::Index>& view = item(5).items;
    if (view.size() != 3 || pickle[view[1]].kind != PickleValue::Kind::integer ||
        pickle[view[2]].kind != PickleValue::Kind::integer)
      throw fail();
    reference.view_offset = pickle[view[1]].integer;
    reference.view_count = pickle[view[2]].integer;
    if (reference.view_offset < 0 || reference.view_offset > count || reference.view_count < 0 ||
        reference.view_count > count - reference.view_offset)
      throw fail();
  }
  return reference;
}

}  // namespace frostline::detail
