// SPDX-License-Identifier: MIT
// StoredKeys: what a file holds, by the keys that a network would use for it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frostline/core/path.hpp"
#include "frostline/graph/named_tensor.hpp"
#include "frostline/io/load_options.hpp"
#include "frostline/io/state_dict.hpp"
#include "frostline/io/unreadable.hpp"

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

/// A key as a network knows it: without the parts that PyTorch puts in when it wraps modules
/// (DataParallel, torch.compile, FSDP, checkpointing), and without `backbone`, as segmentation
/// models call theirs; but for those that the network itself has.
class WrapperNames {
 public:
  explicit WrapperNames(const std::vector<NamedTensor>& of_network) {
    for (const NamedTensor& tensor : of_network) keep(tensor.key);
  }
  /// The names in this key are no wrappers'.
  void keep(std::string_view key) {
    std::erase_if(names_, [&](std::string_view name) { return has_name(key, name); });
  }
  std::string remove_from(std::string_view key) const {
    std::string result;
    for (bool more = true; more;) {
      const std::string_view part = first_name(key);
      more = part.size() < key.size();
      key.remove_prefix(part.size() + (more ? 1 : 0));
      if (std::find(names_.begin(), names_.end(), part) != names_.end()) continue;
      if (!result.empty()) result += '.';
      result += part;
    }
    return result;
  }

 private:
  std::vector<std::string_view> names_{"module", "_orig_mod", "_fsdp_wrapped_module",
                                       "_checkpoint_wrapped_module", "backbone"};
};

/// A tensor of a file, or in words what else is there.
struct StoredValue {
  const StoredTensor* tensor;
  std::string_view other;
};

struct StoredKeys {
  std::map<std::string, StoredValue, std::less<>> values;
  std::vector<std::string> ignored;
  std::vector<std::string> problems;
};

/// A key of a file without its wrappers' names and without a prefix; nothing if it lacks that. The
/// prefix may be spelled as in the file, or without the wrappers' names.
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
  return std::any_of(options.ignore.begin(), options.ignore.end(), [&](const std::string& name) {
    return has_name(key, without_last_dot(name));
  });
}

inline StoredKeys stored_keys(const StateDict& file, WrapperNames wrappers,
                              const LoadOptions& options) {
  StoredKeys result;
  const std::string prefix(without_last_dot(options.prefix));
  std::map<std::string, std::string, std::less<>> rename;
  for (const auto& [from, to] : options.rename)
    if (wrappers.remove_from(from).empty()) wrappers.keep(from);
  for (const auto& [from, to] : options.rename)
    rename.emplace(wrappers.remove_from(without_last_dot(from)), without_last_dot(to));
  std::set<std::string_view> used;
  bool prefix_used = prefix.empty();

  const auto add = [&](const std::string& in_file, StoredValue value) {
    std::optional<std::string> found = key_after(prefix, in_file, wrappers);
    prefix_used = prefix_used || found.has_value();
    if (!found || is_ignored(in_file, options) || is_ignored(*found, options))
      return result.ignored.push_back(in_file);
    std::string& key = *found;
    const std::pair<const std::string, std::string>* longest = nullptr;
    for (const auto& pair : rename)
      if (covers(pair.first, key) && (!longest || longest->first.size() < pair.first.size()))
        longest = &pair;
    if (longest) {
      used.insert(longest->first);
      const bool with_dot = longest->second.empty() && key.size() > longest->first.size();
      key.replace(0, longest->first.size() + (with_dot ? 1 : 0), longest->second);
    }
    if (!result.values.emplace(std::move(key), value).second)
      result.problems.push_back(
          format_text("'{}' is there twice, with and without a prefix", printable(in_file)));
  };
  for (const auto& [key, tensor] : file.tensors) add(key, {&tensor, {}});
  for (const auto& [key, what] : file.others) add(key, {nullptr, what});

  if (!prefix_used)
    result.problems.push_back(format_text("no key begins with the prefix '{}.'", prefix));
  for (const auto& [from, to] : rename)
    if (!used.contains(from))
      result.problems.push_back(
          format_text("no key begins with '{}', to be renamed '{}'", from, to));
  return result;
}

}  // namespace frostline::detail
