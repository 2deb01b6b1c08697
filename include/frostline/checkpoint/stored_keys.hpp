// SPDX-License-Identifier: MIT
// StoredKeys: a file's tensors under the keys that a network uses for them.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frostline/checkpoint/load_options.hpp"
#include "frostline/checkpoint/renames.hpp"
#include "frostline/core/path.hpp"
#include "frostline/io/files/unreadable.hpp"
#include "frostline/io/weights/state_dict.hpp"
#include "frostline/program/named_tensor.hpp"

namespace frostline::detail {

inline std::string_view without_last_dot(std::string_view name) {
  return name.substr(0, name.size() - (name.ends_with('.') ? 1 : 0));
}

/// Whether `name` is one or more whole parts of `key`.
inline bool has_name(std::string_view key, std::string_view name) {
  if (name.empty()) return false;
  for (std::size_t at = key.find(name); at != std::string_view::npos; at = key.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    if ((at == 0 || key[at - 1] == '.') && (end == key.size() || key[end] == '.')) return true;
  }
  return false;
}

/// Removes names from keys that PyTorch adds when it wraps modules (DataParallel, torch.compile,
/// FSDP, checkpointing), and `backbone`, the name in segmentation models; it keeps names that the
/// network itself has.
class WrapperNames {
 public:
  explicit WrapperNames(const std::vector<NamedTensor>& of_network) {
    for (const NamedTensor& tensor : of_network) keep(tensor.key);
  }
  /// The names in this key are not wrappers' names.
  void keep(std::string_view key) {
    std::size_t kept = 0;
    for (const std::string_view name : names_)
      if (!has_name(key, name)) names_[kept++] = name;
    names_.resize(kept);
  }
  std::string remove_from(std::string_view key) const {
    std::string result;
    for (bool more = true; more;) {
      const std::string_view part = first_name(key);
      more = part.size() < key.size();
      key.remove_prefix(part.size() + (more ? 1 : 0));
      if (is_wrapper(part)) continue;
      if (!result.empty()) result += '.';
      result += part;
    }
    return result;
  }

 private:
  bool is_wrapper(std::string_view part) const {
    for (const std::string_view name : names_)
      if (name == part) return true;
    return false;
  }

  std::vector<std::string_view> names_{"module", "_orig_mod", "_fsdp_wrapped_module",
                                       "_checkpoint_wrapped_module", "backbone"};
};

/// A tensor of a file, or the description of another value.
struct StoredValue {
  const StoredTensor* tensor{};
  std::string_view other{};
  std::string_view in_file{};  // its key in the file
  bool is_renamed = false;
};

struct StoredKeys {
  std::map<std::string, StoredValue, std::less<>> values{};
  std::vector<std::string> ignored{}, problems{};
  Renames renames{};

  /// Adds a value under its key, which is renamed unless that was done before.
  void add(std::string_view key, StoredValue value) {
    RenamedKey renamed = value.is_renamed ? RenamedKey{std::string(key)} : renames.rename(key);
    if (!renamed.from.empty()) {
      renames.note_used(renamed.from);
      value.is_renamed = true;
    }
    const auto [found, is_new] = values.emplace(std::move(renamed.key), value);
    if (!is_new)
      problems.push_back(format_text("two keys of the file become '{}': '{}' and '{}'",
                                     printable(found->first), printable(found->second.in_file),
                                     printable(value.in_file)));
  }
};

/// A key of a file without wrappers' names and without a prefix, or nullopt if it does not begin
/// with it. The prefix may be written as in the file, or without the wrappers' names.
inline std::optional<std::string> key_after(std::string_view prefix, std::string_view key,
                                            const WrapperNames& wrappers) {
  const auto after = [](std::string_view name, std::string_view whole) {
    return covers(name, whole) && whole.size() > name.size()
               ? std::optional(whole.substr(name.size() + 1))
               : std::nullopt;
  };
  if (prefix.empty()) return wrappers.remove_from(key);
  if (const auto rest = after(prefix, key)) return wrappers.remove_from(*rest);
  const std::string short_key = wrappers.remove_from(key), name = wrappers.remove_from(prefix);
  if (name.empty()) return std::nullopt;
  const auto rest = after(name, short_key);
  return rest ? std::optional(std::string(*rest)) : std::nullopt;
}

inline bool is_ignored(std::string_view key, const LoadOptions& options) {
  for (const std::string& name : options.ignore)
    if (has_name(key, without_last_dot(name))) return true;
  return false;
}

inline StoredKeys stored_keys(const StateDict& file, WrapperNames wrappers,
                              const LoadOptions& options) {
  const std::string prefix(without_last_dot(options.prefix));
  Renames::Map renames;
  for (const auto& [from, to] : options.rename)
    if (wrappers.remove_from(from).empty()) wrappers.keep(from);
  for (const auto& [from, to] : options.rename)
    renames.emplace(wrappers.remove_from(without_last_dot(from)), without_last_dot(to));
  StoredKeys result{.renames = Renames(std::move(renames))};
  bool prefix_used = prefix.empty();

  const auto add = [&](const std::string& in_file, const StoredValue& value) {
    const std::optional<std::string> key = key_after(prefix, in_file, wrappers);
    prefix_used = prefix_used || key.has_value();
    if (!key || is_ignored(in_file, options) || is_ignored(*key, options))
      result.ignored.push_back(in_file);
    else
      result.add(*key, value);
  };
  for (const auto& [key, tensor] : file.tensors) add(key, {.tensor = &tensor, .in_file = key});
  for (const auto& [key, what] : file.others) add(key, {.other = what, .in_file = key});

  if (!prefix_used)
    result.problems.push_back(format_text("no key begins with the prefix '{}.'", prefix));
  return result;
}

}  // namespace frostline::detail
