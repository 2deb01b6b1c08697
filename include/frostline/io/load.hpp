// SPDX-License-Identifier: MIT
// load_pretrained, load and save: a network's weights from and to files.
#pragma once

#include <array>

#include "frostline/core/format.hpp"
#include "frostline/io/read_weights.hpp"
#include "frostline/io/safetensors.hpp"
#include "frostline/network.hpp"

namespace frostline {

/// What loading did, by the network's keys, and which of the file's keys it had no use for.
struct LoadReport {
  std::vector<std::string> loaded;
  std::vector<std::string> left_new;  // of a head that ReplaceHead put in: as initialised
  std::vector<std::string> ignored;   // of the head that was replaced, in the file

  /// "loaded 100 tensors; fc.weight, fc.bias are new".
  std::string text() const {
    std::string result = format_text("loaded {} tensors", loaded.size());
    for (std::size_t i = 0; i < left_new.size(); ++i)
      result += (i == 0 ? "; new and left as initialised: " : ", ") + left_new[i];
    return result;
  }
};

namespace detail {

/// A stored key as the network would spell it: without DataParallel's "module." and, where the
/// network has no such part, without a segmentation model's "backbone.".
inline std::string network_key(std::string_view key, bool keep_backbone) {
  while (key.starts_with("module.")) key.remove_prefix(7);
  if (!keep_backbone && key.starts_with("backbone.")) key.remove_prefix(9);
  return std::string(key);
}

/// The tensors of a network that may run in parts, with the part that owns each.
template <class Executor>
struct Owned {
  std::vector<NamedTensor> tensors;
  std::vector<Executor*> owners;
  explicit Owned(std::span<Executor* const> parts) {
    for (Executor* const part : parts) {
      for (NamedTensor& tensor : tensors_of(part->program())) tensors.push_back(std::move(tensor));
      owners.resize(tensors.size(), part);
    }
  }
};

/// How stored tensors and a network's fit each other.
struct Matching {
  std::vector<std::pair<std::size_t, const StoredTensor*>> pairs;  // which of the network's
  LoadReport report;
  std::vector<std::string> problems;
};

inline Matching match(const std::vector<NamedTensor>& wanted, std::span<const Path> replaced,
                      const StateDict& file, bool skip_new) {
  Matching result;
  const bool keep_backbone = std::any_of(wanted.begin(), wanted.end(), [](const NamedTensor& t) {
    return t.key.starts_with("backbone.");
  });
  std::map<std::string, const StoredTensor*> stored;
  for (const auto& [key, tensor] : file.tensors)
    if (!stored.emplace(network_key(key, keep_backbone), &tensor).second)
      result.problems.push_back(format_text("'{}' is there twice, with and without a prefix", key));

  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const NamedTensor& tensor = wanted[i];
    const auto found = stored.find(tensor.key);
    const StoredTensor* from = found == stored.end() ? nullptr : found->second;
    if (from) stored.erase(found);
    if (tensor.is_new && skip_new) {
      result.report.left_new.push_back(tensor.key);
      if (from) result.report.ignored.push_back(tensor.key);
    } else if (!from) {
      // Files written before PyTorch 0.4.1 do not count batches, and nothing depends on it.
      if (tensor.type != ElementType::i64)
        result.problems.push_back(
            format_text("missing '{}' {}", tensor.key, to_text(tensor.extents)));
    } else if (from->extents != tensor.extents) {
      result.problems.push_back(format_text("mismatched '{}': the file has {}, the network {}",
                                            tensor.key, to_text(from->extents),
                                            to_text(tensor.extents)));
    } else if (tensor.type == ElementType::i64 && is_floating(from->type)) {
      result.problems.push_back(format_text("mismatched '{}': the file has {}, the network {}",
                                            tensor.key, name_of(from->type), name_of(tensor.type)));
    } else {
      result.pairs.emplace_back(i, from);
      result.report.loaded.push_back(tensor.key);
    }
  }
  for (const auto& [key, tensor] : stored) {
    bool of_old_head = false;
    for (const Path& path : replaced) of_old_head = of_old_head || (skip_new && covers(path, key));
    if (of_old_head || (skip_new && key.starts_with("aux_classifier.")))
      result.report.ignored.push_back(key);
    else
      result.problems.push_back(format_text("unexpected '{}' {}", key, to_text(tensor->extents)));
  }
  return result;
}

template <class Backend>
LoadReport load(std::span<Executor<Backend>* const> parts, std::span<const Path> replaced,
                const std::filesystem::path& path, bool skip_new) {
  const StateDict file = read_weights(path);
  const Owned network(parts);
  Matching matching = match(network.tensors, replaced, file, skip_new);
  if (!matching.problems.empty()) {
    std::string text = format_text("frostline: '{}' does not fit the network ({} problems)",
                                   path.string(), matching.problems.size());
    for (const std::string& problem : matching.problems) text += "\n  " + problem;
    throw Error(text);
  }
  std::vector<float> floats;
  std::vector<std::int64_t> integers;
  for (const auto& [i, stored] : matching.pairs) {
    const NamedTensor& tensor = network.tensors[i];
    if (tensor.type == ElementType::i64) {
      integers.resize(tensor.size);
      stored->copy_to(std::span(integers));
      network.owners[i]->write(tensor, std::span<const std::int64_t>(integers));
    } else {
      std::span<const float> values = stored->in_place();
      if (values.empty()) {
        floats.resize(tensor.size);
        stored->copy_to(std::span(floats));
        values = floats;
      } else if (network.owners[i]->borrow(tensor, {values.data(), file.owner})) {
        continue;
      }
      network.owners[i]->write(tensor, values);
    }
  }
  return std::move(matching.report);
}

template <class Backend>
void save(std::span<const Executor<Backend>* const> parts, const std::filesystem::path& path,
          ElementType type, const std::map<std::string, std::string>& metadata) {
  const Owned network(parts);
  const std::vector<NamedTensor>& tensors = network.tensors;
  std::vector<std::vector<float>> floats(tensors.size());
  std::vector<std::vector<std::int64_t>> integers(tensors.size());
  std::vector<TensorToWrite> writes;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const NamedTensor& tensor = tensors[i];
    if (tensor.type == ElementType::i64) {
      integers[i].resize(tensor.size);
      network.owners[i]->read(tensor, std::span(integers[i]));
      writes.push_back({tensor.key, tensor.extents, ElementType::i64,
                        std::span<const std::int64_t>(integers[i])});
    } else {
      floats[i].resize(tensor.size);
      network.owners[i]->read(tensor, std::span(floats[i]));
      writes.push_back({tensor.key, tensor.extents, type, std::span<const float>(floats[i])});
    }
  }
  write_safetensors(path, writes, metadata);
}

template <class Net>
std::span<const Path> replaced_by_new_layers() {
  return {Net::graph().replaced, std::size_t(Net::graph().replaced_count)};
}

}  // namespace detail

/// Loads torchvision's or our own file (.pth, .safetensors) into all but a new head, which is left
/// as it was. Accepts keys with a `module.` prefix, a segmentation model's `backbone.`, and files
/// with or without `num_batches_tracked`. Frozen weights that kernels keep packed are not copied:
/// they stay in the file, which must not be written to while the network lives (`save` and others
/// that put a new file in its place are no harm).
/// Throws: Error, with the network as it was, if the file cannot be read or does not fit; its text
/// lists every missing, unexpected and mismatched key.
template <class Net>
LoadReport load_pretrained(Net& network, const std::filesystem::path& path) {
  return detail::load<typename Net::backend>(network.executors(),
                                             detail::replaced_by_new_layers<Net>(), path, true);
}

/// Loads everything, a new head too: what `save` wrote. Throws: as load_pretrained.
template <class Net>
LoadReport load(Net& network, const std::filesystem::path& path) {
  return detail::load<typename Net::backend>(network.executors(),
                                             detail::replaced_by_new_layers<Net>(), path, false);
}

/// Writes all parameters and buffers as safetensors, with torchvision's keys, floats as `type`
/// (F32, F16 or BF16). A file of this name is replaced only when the new one is complete.
/// Throws: Error if the file cannot be written, or frozen weights lie in a file that was changed.
template <class Net>
void save(const Net& network, const std::filesystem::path& path,
          ElementType type = ElementType::f32,
          const std::map<std::string, std::string>& metadata = {}) {
  detail::save<typename Net::backend>(network.executors(), path, type, metadata);
}

}  // namespace frostline
