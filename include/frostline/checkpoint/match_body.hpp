// SPDX-License-Identifier: MIT
// The body of match_file: pairs of tensors, and a list of problems.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frostline/checkpoint/append_first.hpp"
#include "frostline/checkpoint/common_prefix.hpp"
#include "frostline/checkpoint/load_options.hpp"
#include "frostline/checkpoint/match.hpp"
#include "frostline/checkpoint/older_keys.hpp"
#include "frostline/checkpoint/resize_positions.hpp"
#include "frostline/checkpoint/stored_keys.hpp"
#include "frostline/core/body.hpp"
#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/core/path.hpp"
#include "frostline/io/weights/read_weights.hpp"
#include "frostline/io/weights/state_dict.hpp"
#include "frostline/program/named_tensor.hpp"

namespace frostline::detail {

/// One line for each problem, by kind.
struct Problems {
  std::vector<std::string> missing{}, mismatched{}, unexpected{}, others{};

  std::size_t size() const {
    return missing.size() + mismatched.size() + unexpected.size() + others.size();
  }
  /// All lines, but only five of a kind with more than ten; then advice on LoadOptions.
  std::string text() const {
    std::string result;
    append_first(result, "\n  ", "\n  ", others, " like it");
    append_first(result, "\n  ", "\n  ", missing, " are missing");
    append_first(result, "\n  ", "\n  ", mismatched, " are mismatched");
    append_first(result, "\n  ", "\n  ", unexpected, " are unexpected");
    if (!missing.empty() || !unexpected.empty())
      result +=
          "\n  LoadOptions{.ignore = {\"total_ops\"}} skips keys, .rename renames them, "
          ".prefix removes a prefix";
    return result;
  }
};

/// The pairs that fit, and the problems.
struct Comparison {
  Matching matching{};
  Problems problems{};
};

/// As in PyTorch's strict load_state_dict, a scalar may be stored as a vector, whose first element
/// it is.
inline StoredTensor fitted(const StoredTensor& stored, const NamedTensor& wanted) {
  if (!wanted.extents.empty() || stored.extents.size() != 1 || stored.size() == 0) return stored;
  return {stored.type, {}, {}, stored.bytes.first(size_of(stored.type))};
}

/// The text of the error that a conversion would throw, or empty.
inline std::string conversion_error(const StoredTensor& stored, const NamedTensor& wanted) {
  try {
    if (wanted.type == ElementType::i64 && is_floating(stored.type)) {
      std::vector<std::int64_t> integers(stored.size());
      stored.copy_to(std::span(integers));
    } else if (wanted.type != ElementType::i64 && stored.type == ElementType::f64) {
      std::vector<float> floats(stored.size());
      stored.copy_to(std::span(floats));
    }
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

/// Matches one of the network's tensors and removes its partner from `stored`.
inline void match_one(const std::vector<NamedTensor>& wanted, std::size_t i, StoredKeys& stored,
                      bool skip_new, Comparison& result) {
  const NamedTensor& tensor = wanted[i];
  auto& problems = result.problems;
  auto found = stored.values.find(tensor.key);
  if (found == stored.values.end()) found = stored.values.find(older_key(tensor.key));
  const bool is_there = found != stored.values.end();
  const StoredValue value = is_there ? found->second : StoredValue{};
  if (is_there) stored.values.erase(found);
  if (tensor.is_new && skip_new) {
    result.matching.report.left_new.push_back(tensor.key);
    if (is_there) result.matching.report.ignored.push_back(tensor.key);
    return;
  }
  if (!is_there) {
    // Files written before PyTorch 0.4.1 do not count batches, and nothing depends on it.
    if (tensor.type != ElementType::i64)
      problems.missing.push_back(
          format_text("missing '{}' {}", tensor.key, to_text(tensor.extents)));
    return;
  }
  if (!value.tensor) {
    problems.mismatched.push_back(format_text("mismatched '{}': the file has {}, the network {}",
                                              tensor.key, value.other, to_text(tensor.extents)));
    return;
  }
  StoredTensor from = fitted(*value.tensor, tensor);
  const bool resizes = tensor.is_positions && from.extents != tensor.extents;
  const std::string unlike = resizes ? resizing_error(from.extents, tensor) : "";
  if (resizes ? !unlike.empty() : from.extents != tensor.extents) {
    problems.mismatched.push_back(
        format_text("mismatched '{}': the file has {}, the network {}{}{}", tensor.key,
                    to_text(from.extents), to_text(tensor.extents), resizes ? "; " : "", unlike));
    return;
  }
  if (const std::string error = conversion_error(from, tensor); !error.empty()) {
    problems.others.push_back(format_text("'{}': {}", tensor.key, error));
    return;
  }
  if (resizes) {
    const int stored_side = grid_side(from.extents), side = grid_side(tensor.extents);
    result.matching.report.resized.push_back(
        format_text("{} from {}x{} to {}x{}", tensor.key, stored_side, stored_side, side, side));
  }
  result.matching.pairs.emplace_back(i, std::move(from));
  result.matching.report.loaded.push_back(tensor.key);
}

inline void note_unused(const std::string& key, const StoredValue& value, bool ignored,
                        Comparison& result) {
  if (ignored || !value.tensor)
    result.matching.report.ignored.push_back(key);
  else
    result.problems.unexpected.push_back(
        format_text("unexpected '{}' {}", printable(key), to_text(value.tensor->extents)));
}

/// Handles the file's other tensors. If the network has a new head, the file's own head is ignored,
/// whatever its name: if all other tensors are found, that is each part that the rest of the
/// network does not have. A tensor that is no layer's, such as `register_tokens` of a vision
/// transformer, is no head's either, and its network would compute something else;
/// but `mask_token` is read only in pretraining.
inline void match_rest(const std::vector<NamedTensor>& wanted, std::span<const Path> replaced,
                       const StoredKeys& stored, bool skip_new, Comparison& result) {
  ByText parts;
  for (const NamedTensor& tensor : wanted)
    if (!tensor.is_new) ++parts[first_name(tensor.key)];
  const bool any_head = skip_new && !replaced.empty() && result.problems.missing.empty();
  for (const auto& [key, value] : stored.values) {
    bool ignored = key == "n_averaged" ||  // of torch.optim.swa_utils
                   (skip_new && key.starts_with("aux_classifier.")) ||
                   (any_head && !parts.contains(first_name(key)) &&
                    (first_name(key) != key || key == "mask_token"));
    for (const Path& path : replaced) ignored = ignored || (skip_new && covers(path, key));
    note_unused(key, value, ignored, result);
  }
}

/// Removes the prefix that the file's keys share; load_pretrained skips keys without it. Returns
/// false and records a problem if there are several.
inline bool match_prefix(const std::vector<NamedTensor>& wanted, StoredKeys& stored, bool skip_new,
                         Comparison& result) {
  ByText required;
  for (const NamedTensor& tensor : wanted)
    if (tensor.type != ElementType::i64 && !(tensor.is_new && skip_new)) ++required[tensor.key];
  const std::vector<CommonPrefix> found = find_common_prefixes(required, stored);
  if (found.size() > 1) {
    std::string names;
    for (const CommonPrefix& one : found)
      names += format_text("{}'{}'", names.empty() ? "" : ", ", printable(one.prefix));
    stored.problems.push_back(format_text(
        "it holds several sets of weights, whose keys begin with {}; choose one of these with "
        "LoadOptions::prefix, or skip the others with .ignore",
        names));
    return false;
  }
  if (found.empty() || found[0].prefix.empty()) return true;
  const std::string& prefix = found[0].prefix;
  result.matching.report.prefix = prefix;
  if (!found[0].brings_all)
    stored.problems.push_back(format_text(
        "most of its keys begin with '{}'; they are compared without it", printable(prefix)));
  const auto all = std::exchange(stored.values, {});
  for (const auto& [key, value] : all)
    if (key.starts_with(prefix))
      stored.add(std::string_view(key).substr(prefix.size()), value);
    else
      note_unused(key, value, skip_new, result);
  return true;
}

/// Compares all of a network's tensors with a file's.
inline Comparison compare(const std::vector<NamedTensor>& wanted, std::span<const Path> replaced,
                          const StateDict& file, const LoadOptions& options, bool skip_new) {
  Comparison result;
  StoredKeys stored = stored_keys(file, WrapperNames(wanted), options);
  result.matching.report.ignored = std::move(stored.ignored);
  bool comparable = !stored.values.empty() || stored.problems.empty();
  if (!options.prefix.empty())
    result.matching.report.prefix = format_text("{}.", without_last_dot(options.prefix));
  else
    comparable = comparable && match_prefix(wanted, stored, skip_new, result);
  result.problems.others = std::move(stored.problems);
  if (!comparable) return result;
  for (std::string& problem : stored.renames.problems())
    result.problems.others.push_back(std::move(problem));
  for (std::size_t i = 0; i < wanted.size(); ++i) match_one(wanted, i, stored, skip_new, result);
  match_rest(wanted, replaced, stored, skip_new, result);
  return result;
}

FROSTLINE_BODY Matching match_file(const std::string& path, const std::vector<NamedTensor>& wanted,
                                   std::span<const Path> replaced, const LoadOptions& options,
                                   bool skip_new) {
  const StateDict file = read_weights(path);
  Comparison result = compare(wanted, replaced, file, options, skip_new);
  if (const Problems& problems = result.problems; problems.size() > 0)
    throw Error(format_text("frostline: '{}' does not fit the network ({} problem{}){}", path,
                            problems.size(), problems.size() == 1 ? "" : "s", problems.text()));
  result.matching.file = file.owner;
  return std::move(result.matching);
}

}  // namespace frostline::detail
