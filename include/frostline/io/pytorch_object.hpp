// SPDX-License-Identifier: MIT
// Finds the tensors in a pickle that torch.save wrote, and where they lie in their storages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frostline/core/element_type.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/pickle.hpp"
#include "frostline/io/state_dict.hpp"
#include "frostline/io/unreadable.hpp"
#include "frostline/io/zip.hpp"

namespace frostline::detail {

inline std::optional<ElementType> storage_type(std::string_view global) {
  constexpr std::pair<std::string_view, ElementType> types[] = {
      {"torch.FloatStorage", ElementType::f32},
      {"torch.HalfStorage", ElementType::f16},
      {"torch.BFloat16Storage", ElementType::bf16},
      {"torch.DoubleStorage", ElementType::f64},
      {"torch.LongStorage", ElementType::i64},
      {"torch.IntStorage", ElementType::i32},
      {"torch.ShortStorage", ElementType::i16},
      {"torch.CharStorage", ElementType::i8},
      {"torch.ByteStorage", ElementType::u8},
      {"torch.BoolStorage", ElementType::boolean},
      {"torch.UntypedStorage", ElementType::u8},
      {"torch.storage.UntypedStorage", ElementType::u8}};
  for (const auto& [name, type] : types)
    if (name == global) return type;
  return std::nullopt;
}

/// What a persistent id says of a storage. Units: elements.
struct StorageReference {
  std::string_view key;
  ElementType type;
  std::int64_t count;        // of the whole storage
  std::int64_t view_offset;  // the part that is meant, in files of PyTorch before 0.4
  std::int64_t view_count;
};

inline StorageReference storage_reference(const Pickle& pickle, const PickleValue& persistent,
                                          std::string_view file) {
  using Kind = PickleValue::Kind;
  const auto fail = [&] { return unreadable(file, "its pickle refers to a storage wrongly"); };
  const PickleValue& id = pickle[persistent.items[0]];
  if (id.kind != Kind::tuple || id.items.size() < 5) throw fail();
  const auto item = [&](std::size_t i) -> const PickleValue& { return pickle[id.items[i]]; };
  const std::int64_t count = item(4).integer;
  if (item(0).text != "storage" || item(1).kind != Kind::global || item(2).kind != Kind::text ||
      item(4).kind != Kind::integer || count < 0)
    throw fail();
  const auto type = storage_type(item(1).text);
  if (!type) throw unreadable(file, format_text("its pickle has a {}", item(1).text));

  StorageReference reference{item(2).text, *type, count, 0, count};
  if (id.items.size() > 5 && item(5).kind == Kind::tuple) {
    const std::vector<PickleValue::Index>& view = item(5).items;
    if (view.size() != 3 || pickle[view[1]].kind != Kind::integer ||
        pickle[view[2]].kind != Kind::integer)
      throw fail();
    reference.view_offset = pickle[view[1]].integer;
    reference.view_count = pickle[view[2]].integer;
    if (reference.view_offset < 0 || reference.view_offset > count || reference.view_count < 0 ||
        reference.view_count > count - reference.view_offset)
      throw fail();
  }
  return reference;
}

/// Finds the tensors in what a pickle holds.
class PytorchObject {
 public:
  PytorchObject(const Pickle& pickle, const ByteRanges& storages, std::string_view file)
      : pickle_(pickle), storages_(storages), file_(file) {}

  std::map<std::string, StoredTensor, std::less<>> tensors() const {
    const PickleValue* weights = &pickle_.top();
    for (int depth = 0; depth < 3; ++depth)
      for (const std::string_view wrapper : {"state_dict", "model_state_dict", "model"})
        if (const PickleValue* inner = find(*weights, wrapper); is(inner, Kind::dictionary)) {
          weights = inner;
          break;
        }
    if (weights->kind != Kind::dictionary)
      throw unreadable(file_, "it holds no dictionary of tensors, such as model.state_dict() is");

    std::map<std::string, StoredTensor, std::less<>> tensors;
    std::string others;
    for (std::size_t i = 0; i < weights->items.size(); i += 2) {
      const PickleValue& key = pickle_[weights->items[i]];
      const PickleValue& value = pickle_[weights->items[i + 1]];
      if (key.kind != Kind::text) continue;
      if (function_of(value).starts_with("torch._utils._rebuild_"))
        tensors.insert_or_assign(std::string(key.text), tensor(&value, key.text));
      else if (others.size() < 200)
        others += format_text("{}'{}'", others.empty() ? "" : ", ", printable(key.text));
    }
    if (tensors.empty())
      throw unreadable(file_, format_text("its dictionary holds no tensors, only these keys: {}; "
                                          "save model.state_dict()",
                                          others));
    return tensors;
  }

 private:
  using Kind = PickleValue::Kind;

  static bool is(const PickleValue* value, Kind kind) { return value && value->kind == kind; }

  const PickleValue* find(const PickleValue& dictionary, std::string_view key) const {
    if (dictionary.kind != Kind::dictionary) return nullptr;
    for (std::size_t i = dictionary.items.size(); i > 0; i -= 2) {
      const PickleValue& found = pickle_[dictionary.items[i - 2]];
      if (found.kind == Kind::text && found.text == key) return &pickle_[dictionary.items[i - 1]];
    }
    return nullptr;
  }

  std::string_view function_of(const PickleValue& value) const {
    return value.kind == Kind::call ? pickle_[value.items[0]].text : std::string_view{};
  }

  const PickleValue* argument(const PickleValue& call, std::size_t i, Kind kind) const {
    const std::vector<PickleValue::Index>& arguments = pickle_[call.items[1]].items;
    if (i >= arguments.size()) return nullptr;
    const PickleValue* value = &pickle_[arguments[i]];
    return value->kind == kind ? value : nullptr;
  }

  std::optional<std::vector<std::int64_t>> integers(const PickleValue* tuple) const {
    constexpr std::size_t max_axes = 64;
    if (!tuple || tuple->items.size() > max_axes) return std::nullopt;
    std::vector<std::int64_t> integers;
    for (const PickleValue::Index item : tuple->items) {
      if (pickle_[item].kind != Kind::integer) return std::nullopt;
      integers.push_back(pickle_[item].integer);
    }
    return integers;
  }

  StoredTensor tensor(const PickleValue* value, std::string_view key) const {
    const auto fail = [&](std::string_view reason) {
      return unreadable(file_, format_text("its tensor '{}' {}", printable(key), reason));
    };
    for (int depth = 0; depth < 3; ++depth)
      if (value && function_of(*value).starts_with("torch._utils._rebuild_parameter"))
        value = argument(*value, 0, Kind::call);
    if (!value || !function_of(*value).starts_with("torch._utils._rebuild_tensor"))
      throw fail("is a Parameter of something else");

    const PickleValue* storage = argument(*value, 0, Kind::persistent);
    const PickleValue* offset = argument(*value, 1, Kind::integer);
    const auto extents = integers(argument(*value, 2, Kind::tuple));
    const auto strides = integers(argument(*value, 3, Kind::tuple));
    if (!storage || !offset || !extents || !strides || extents->size() != strides->size())
      throw fail("is not described as PyTorch does");

    const StorageReference reference = storage_reference(pickle_, *storage, file_);
    const auto found = storages_.find(reference.key);
    if (found == storages_.end())
      throw fail(format_text("needs storage '{}', which is missing", printable(reference.key)));
    const std::size_t bytes_each = size_of(reference.type);
    if (static_cast<std::uint64_t>(reference.count) > found->second.size() / bytes_each)
      throw fail(format_text("needs a storage of {} {} elements, but '{}' has {} bytes",
                             reference.count, name_of(reference.type), printable(reference.key),
                             found->second.size()));

    const auto size = count_elements(*extents);
    const auto last = last_element(*extents, *strides, offset->integer, reference.view_count);
    if (!size || (*size > 0 && !last))
      throw fail(
          format_text("does not lie in its storage of {} elements: offset {}, extents {}, "
                      "strides {}",
                      reference.view_count, offset->integer, to_text(*extents), to_text(*strides)));
    StoredTensor tensor{reference.type, *extents, *strides, {}};
    if (*size == 0) return tensor;
    const std::int64_t first = reference.view_offset + offset->integer;
    const std::int64_t count = *last - offset->integer + 1;
    tensor.bytes = found->second.subspan(static_cast<std::size_t>(first) * bytes_each,
                                         static_cast<std::size_t>(count) * bytes_each);
    return tensor;
  }

  /// The greatest index into the storage, or nothing when an index is outside of [0, count).
  static std::optional<std::int64_t> last_element(std::span<const std::int64_t> extents,
                                                  std::span<const std::int64_t> strides,
                                                  std::int64_t offset, std::int64_t count) {
    if (offset < 0 || offset >= count) return std::nullopt;
    std::int64_t last = offset;
    for (std::size_t axis = 0; axis < extents.size(); ++axis) {
      const std::int64_t steps = extents[axis] - 1, stride = strides[axis];
      if (steps <= 0 || stride == 0) continue;
      if (stride < 0 || steps > (count - 1 - last) / stride) return std::nullopt;
      last += steps * stride;
    }
    return last;
  }

  const Pickle& pickle_;
  const ByteRanges& storages_;
  std::string_view file_;
};

}  // namespace frostline::detail
