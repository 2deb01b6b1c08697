// SPDX-License-Identifier: MIT
// Finds the tensors in a pickle that torch.save wrote, and where they are in their storages.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frostline/core/element_type.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/files/unreadable.hpp"
#include "frostline/io/weights/pickle.hpp"
#include "frostline/io/weights/pytorch_storage.hpp"
#include "frostline/io/weights/state_dict.hpp"

namespace frostline::detail {

/// Finds the tensors in a pickle.
class PytorchObject {
 public:
  PytorchObject(const Pickle& pickle, const Storages& storages, std::string_view file)
      : pickle_(pickle), storages_(storages), file_(file) {}

  /// Adds the tensors of the state_dict, and descriptions of its other values, to `state`.
  void read(StateDict& state) const {
    const PickleValue* weights = &pickle_.top();
    for (int depth = 0; depth < 3; ++depth)
      for (const std::string_view wrapper : {"state_dict", "model_state_dict", "model"})
        if (const PickleValue* inner = find(*weights, wrapper); inner && has_entries(*inner)) {
          weights = inner;
          break;
        }
    require_no_module(*weights, "it holds");
    if (!has_entries(*weights))
      throw unreadable(file_, format_text("it holds {}, not a dictionary of tensors, such as "
                                          "model.state_dict() is; no code of it was run",
                                          describe(*weights)));
    const Entries entries = text_entries(*weights);
    for (const auto& [key, value] : entries) add(state, std::string(key), pickle_.values[value]);
    if (!holds_weights(state)) read_inner(state, entries);
    if (!state.tensors.empty()) return;
    for (const auto& [key, value] : entries)
      require_no_module(pickle_.values[value], format_text("its '{}' is", printable(key)));
    throw unreadable(file_, format_text("its dictionary {}; save model.state_dict()",
                                        what_instead_of_tensors(*weights, state)));
  }

 private:
  using Kind = PickleValue::Kind;
  using Indices = std::vector<PickleValue::Index>;
  using Entries = ByText;  // indices of the pickle's values

  /// A call of one of PyTorch's functions that rebuild a tensor.
  struct Rebuild {
    std::string_view function;
    const Indices* arguments;
  };

  /// The values under keys of text; as in Python, the last of two equal keys wins.
  Entries text_entries(const PickleValue& dictionary) const {
    Entries result;
    const std::span<const PickleValue::Index> entries = dictionary.entries();
    for (std::size_t i = 0; i < entries.size(); i += 2) {
      const PickleValue& key = pickle_[entries[i]];
      if (key.kind != Kind::text) continue;
      if (key.text.size() > 4096)
        throw unreadable(file_, format_text("it has a key of {} letters", key.text.size()));
      result[key.text] = entries[i + 1];
    }
    return result;
  }

  /// A checkpoint may also have a loss or a random generator's state.
  static bool holds_weights(const StateDict& state) {
    return std::any_of(state.tensors.begin(), state.tensors.end(), [](const auto& entry) {
      return is_floating(entry.second.type) && !entry.second.extents.empty();
    });
  }

  /// Adds the tensors of the dictionaries in a checkpoint, such as {"net": model.state_dict()},
  /// with the dictionary's name before their keys: "net.conv1.weight".
  void read_inner(StateDict& state, const Entries& entries) const {
    std::size_t read = 0;
    for (const auto& [name, index] : entries) {
      const PickleValue& dictionary = pickle_.values[index];
      // A dictionary may have several names, but not so many that time and memory have no limit.
      read += dictionary.entries().size() / 2;
      if (read > pickle_.values.size())
        throw unreadable(file_, "it has one dictionary under too many names");
      StateDict inner{{}, {}, {}, {}};
      for (const auto& [key, value] : text_entries(dictionary))
        add(inner, format_text("{}.{}", name, key), pickle_.values[value]);
      if (inner.tensors.empty()) continue;
      state.others.erase(std::string(name));
      for (auto& [key, tensor] : inner.tensors)
        if (state.others.contains(key) || !state.tensors.emplace(key, std::move(tensor)).second)
          throw damaged(key, "is there twice");
      for (auto& [key, what] : inner.others)
        if (state.tensors.contains(key) || !state.others.emplace(key, std::move(what)).second)
          throw damaged(key, "is there twice");
    }
  }

  std::string what_instead_of_tensors(const PickleValue& dictionary, const StateDict& state) const {
    if (dictionary.entries().empty()) return "is empty";
    if (state.others.empty()) return "holds no tensors under keys of text";
    std::string others;
    for (const auto& [key, what] : state.others)
      if (others.size() < 200)
        others += format_text("{}'{}' ({})", others.empty() ? "" : ", ", printable(key), what);
    return format_text("holds no tensors, only these keys: {}", others);
  }

  static bool has_entries(const PickleValue& value) {
    return value.kind == Kind::dictionary || !value.entries().empty();
  }

  const PickleValue* find(const PickleValue& dictionary, std::string_view key) const {
    const std::span<const PickleValue::Index> entries = dictionary.entries();
    for (std::size_t i = entries.size(); i > 0; i -= 2) {
      const PickleValue& found = pickle_[entries[i - 2]];
      if (found.kind == Kind::text && found.text == key) return &pickle_[entries[i - 1]];
    }
    return nullptr;
  }

  std::string describe(const PickleValue& value) const {
    switch (value.kind) {
      case Kind::none: return "None";
      case Kind::boolean: return "a boolean";
      case Kind::integer:
      case Kind::big_integer:
      case Kind::real: return "a number";
      case Kind::text: return "text";
      case Kind::bytes: return "bytes";
      case Kind::list: return "a list";
      case Kind::tuple: return "a tuple";
      case Kind::dictionary: return "a dictionary";
      case Kind::global: return format_text("the name '{}'", printable(value.text));
      case Kind::persistent: return "a storage";
      case Kind::call: break;
    }
    return format_text("a Python object of '{}'", printable(class_of(value)));
  }

  std::string_view class_of(const PickleValue& call) const {
    const PickleValue* made = &pickle_[call.items[0]];
    if (made->kind == Kind::global && made->text.ends_with("._reconstructor"))
      if (const PickleValue* named = argument(pickle_[call.items[1]].items, 0, Kind::global))
        made = named;
    return made->kind == Kind::global ? made->text : "something else";
  }

  // A module is recognised by attributes that all modules have.
  void require_no_module(const PickleValue& value, std::string_view what) const {
    if (value.kind != Kind::call || value.items[2] == PickleValue::no_state) return;
    const PickleValue& state = pickle_[value.items[2]];
    if (find(state, "_parameters") || find(state, "_modules"))
      throw unreadable(file_, format_text("{} a whole pickled module ({}), not its weights; save "
                                          "model.state_dict() instead",
                                          what, printable(class_of(value))));
  }

  const PickleValue* argument(const Indices& arguments, std::size_t i, Kind kind) const {
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

  std::optional<Rebuild> rebuild(const PickleValue* value) const {
    if (!value || value->kind != Kind::call || pickle_[value->items[0]].kind != Kind::global ||
        pickle_[value->items[1]].kind != Kind::tuple)
      return std::nullopt;
    return Rebuild{pickle_[value->items[0]].text, &pickle_[value->items[1]].items};
  }

  /// The inner call, if a call makes a Parameter or another type from a tensor without changing its
  /// numbers.
  std::optional<Rebuild> rebuild_of_numbers(const PickleValue& value) const {
    std::optional<Rebuild> call = rebuild(&value);
    for (int depth = 0; depth < 4 && call; ++depth) {
      if (call->function == "torch._utils._rebuild_parameter" ||
          call->function == "torch._utils._rebuild_parameter_with_state") {
        call = rebuild(argument(*call->arguments, 0, Kind::call));
      } else if (call->function == "torch._tensor._rebuild_from_type_v2" ||
                 call->function == "torch._tensor._rebuild_from_type") {
        const PickleValue* function = argument(*call->arguments, 0, Kind::global);
        const PickleValue* arguments = argument(*call->arguments, 2, Kind::tuple);
        if (!function || !arguments) return std::nullopt;
        call = Rebuild{function->text, &arguments->items};
      }
    }
    return call;
  }

  void add(StateDict& state, const std::string& key, const PickleValue& value) const {
    const auto call = rebuild_of_numbers(value);
    const auto other = [&](std::string what) { state.others.emplace(key, std::move(what)); };
    if (!call || !call->function.starts_with("torch._utils._rebuild_"))
      return other(describe(value));
    const std::string_view version = call->function.substr(22);
    const Indices& arguments = *call->arguments;
    if (version != "tensor" && version != "tensor_v2" && version != "tensor_v3")
      return other(format_text("a tensor of '{}'", printable(call->function)));

    const PickleValue* storage = argument(arguments, 0, Kind::persistent);
    if (!storage) throw damaged(key, "is not described as PyTorch does");
    StorageReference reference = storage_reference(pickle_, *storage, file_);
    if (version == "tensor_v3") {  // of a storage of bytes
      const PickleValue* type = argument(arguments, 6, Kind::global);
      if (!type) throw damaged(key, "is not described as PyTorch does");
      reference.type_name = type->text;
      reference.type = tensor_type(type->text);
      if (reference.type) {
        const auto bytes_each = static_cast<std::int64_t>(size_of(*reference.type));
        reference.count /= bytes_each;
        reference.view_count = reference.count;
      }
    }
    if (!reference.type)
      return other(format_text("a tensor of type '{}'", printable(reference.type_name)));
    if (arguments.size() > 6 && version == "tensor_v2" && !pickle_[arguments[6]].items.empty())
      return other("a tensor that PyTorch negates or conjugates when it is read");
    state.tensors.emplace(key, tensor(key, arguments, reference));
  }

  Error damaged(std::string_view key, std::string_view reason) const {
    return unreadable(file_, format_text("its tensor '{}' {}", printable(key), reason));
  }

  StoredTensor tensor(std::string_view key, const Indices& arguments,
                      const StorageReference& reference) const {
    const PickleValue* offset = argument(arguments, 1, Kind::integer);
    const auto extents = integers(argument(arguments, 2, Kind::tuple));
    const auto strides = integers(argument(arguments, 3, Kind::tuple));
    if (!offset || !extents || !strides || extents->size() != strides->size())
      throw damaged(key, "is not described as PyTorch does");
    const std::optional<std::span<const std::byte>> found = storages_.find(reference.key);
    if (!found)
      throw damaged(key,
                    format_text("needs storage '{}', which is missing", printable(reference.key)));
    const std::size_t bytes_each = size_of(*reference.type);
    if (static_cast<std::uint64_t>(reference.count) > found->size() / bytes_each)
      throw damaged(key, format_text("needs a storage of {} {} elements, but '{}' has {} bytes",
                                     reference.count, name_of(*reference.type),
                                     printable(reference.key), found->size()));

    const auto size = count_elements(*extents);
    const auto last = last_element(*extents, *strides, offset->integer, reference.view_count);
    if (!size || (*size > 0 && !last))
      throw damaged(
          key,
          format_text("is not inside its storage of {} elements: offset {}, extents {}, "
                      "strides {}",
                      reference.view_count, offset->integer, to_text(*extents), to_text(*strides)));
    StoredTensor tensor{*reference.type, *extents, *strides, {}};
    if (*size == 0) return tensor;
    const std::int64_t first = reference.view_offset + offset->integer;
    const std::int64_t count = *last - offset->integer + 1;
    tensor.bytes = found->subspan(static_cast<std::size_t>(first) * bytes_each,
                                  static_cast<std::size_t>(count) * bytes_each);
    return tensor;
  }

  /// The largest index into the storage, or nullopt if an index is outside of [0, count).
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
  const Storages& storages_;
  std::string_view file_;
};

}  // namespace frostline::detail
