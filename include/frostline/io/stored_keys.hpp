// SPDX-License-Identifier: MIT
// StoredKeys: what a file holds, by the keys that a network would use for it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frostline/core/path.hpp"
#include "frostline/io/load_options.hpp"
#include "frostline/io/state_dict.hpp"
#include "frostline/io/unreadable.hpp"

namespace frostline::detail {

/// Calls `visit` with each part of a key, between dots.
template <class Visit>
void for_each_part(std::string_view key, Visit visit) {
  for (std::size_t end = 0; end != std::string_view::npos;) {
    end = key.find('.');
    visit(key.substr(0, end));
    if (end != std::string_view::npos) key.remove_prefix(end + 1);
  }
}

inline std::string_view first_part(std::string_view key) { return key.substr(0, key.find('.')); }

inline std::string without_last_dot(std::string_view name) {
  return std::string(name.substr(0, name.size() - name.ends_with('.')));
}

/// Whether `name` is one or more whole parts of `key`.
inline bool has_name(std::string_view key, std::string_view name) {
  for (std::size_t at = key.find(name); at != std::string_view::npos; at = key.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    if ((at == 0 || key[at - 1] == '.') && (end == key.size() || key[end] == '.'))
      return !name.empty();
  }
  return false;
}

/// A key as a network knows it: without the parts that PyTorch puts in when it wraps modules
/// (DataParallel, torch.compile, FSDP, checkpointing), and without `backbone`, as segmentation
/// models call theirs; but for those that the network itself has.
class WrapperNames {
 public:
  template <class Keys>
  explicit WrapperNames(const Keys& of_network) {
    for (const auto& tensor : of_network)
      for_each_part(tensor.key, [&](std::string_view part) { std::erase(names_, part); });
  }
  std::string remove_from(std::string_view key) const {
    std::string result;
    result.reserve(key.size());
    for_each_part(key, [&](std::string_view part) {
      if (std::find(names_.begin(), names_.end(), part) != names_.end()) return;
      if (!result.empty()) result += '.';
      result += part;
    });
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

inline StoredKeys stored_keys(const StateDict& file, const WrapperNames& wrappers,
                              const LoadOptions& options) {
  StoredKeys result;
  const std::string prefix = wrappers.remove_from(without_last_dot(options.prefix));
  std::map<std::string, std::string> rename;
  for (const auto& [from, to] : options.rename)
    rename.emplace(wrappers.remove_from(without_last_dot(from)), without_last_dot(to));
  std::map<std::string, bool> used;
  bool prefix_used = prefix.empty();

  const auto add = [&](const std::string& in_file, StoredValue value) {
    std::string key = wrappers.remove_from(in_file);
    bool ignored = false;
    for (const std::string& name : options.ignore)
      ignored = ignored || has_name(in_file, without_last_dot(name)) ||
                has_name(key, without_last_dot(name));
    if (!prefix.empty() && !ignored) {
      ignored = !covers(prefix, key) || key == prefix;
      prefix_used = prefix_used || !ignored;
      if (!ignored) key.erase(0, prefix.size() + 1);
    }
    if (ignored) return result.ignored.push_back(in_file);
    const std::pair<const std::string, std::string>* longest = nullptr;
    for (const auto& pair : rename)
      if (covers(pair.first, key) && (!longest || longest->first.size() < pair.first.size()))
        longest = &pair;
    if (longest) {
      used[longest->first] = true;
      const bool all_or_nothing = longest->second.empty() && key.size() > longest->first.size();
      key.replace(0, longest->first.size() + (all_or_nothing ? 1 : 0), longest->second);
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
    if (!used[from])
      result.problems.push_back(
          format_text("no key begins with '{}', to be renamed '{}'", from, to));
  return result;
}

}  // namespace frostline::detail
