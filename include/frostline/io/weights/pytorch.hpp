// SPDX-License-Identifier: MIT
// Reads the files that torch.save writes: the zip form and the form before PyTorch 1.6.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
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
#include "frostline/io/weights/pickle.hpp"
#include "frostline/io/weights/pytorch_object.hpp"
#include "frostline/io/weights/pytorch_storage.hpp"
#include "frostline/io/weights/state_dict.hpp"
#include "frostline/io/weights/zip_file.hpp"

namespace frostline::detail {

/// The storages of the zip form; each is an entry.
class ZipStorages : public Storages {
 public:
  ZipStorages(ZipFile& file, std::string folder) : file_(file), folder_(std::move(folder)) {}
  std::optional<std::span<const std::byte>> find(std::string_view key) const override {
    if (key.size() > 1000) return std::nullopt;
    const auto found = file_.entries().find(format_text("{}{}", folder_, key));
    if (found == file_.entries().end()) return std::nullopt;
    return file_.contents(found->first);
  }

 private:
  ZipFile& file_;
  std::string folder_;
};

/// The storages of the older form, and the pickle's description of each.
class LegacyStorages : public Storages {
 public:
  struct Storage {
    StorageReference reference;
    std::optional<std::span<const std::byte>> bytes{};
  };

  /// The storage that a key is of, which is `otherwise` where the key is new.
  Storage& add(std::string_view key, const Storage& otherwise) {
    const auto [place, is_new] = by_key_.emplace(key, storages_.size());
    if (is_new) storages_.push_back(otherwise);
    return storages_[place->second];
  }
  Storage* of(std::string_view key) {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : &storages_[found->second];
  }
  std::optional<std::span<const std::byte>> find(std::string_view key) const override {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? std::nullopt : storages_[found->second].bytes;
  }

 private:
  ByText by_key_;
  std::vector<Storage> storages_;
};

inline StateDict read_pytorch_zip(const std::shared_ptr<const MappedFile>& mapped) {
  const auto file = std::make_shared<ZipFile>(mapped);
  const std::string& name = file->name();
  const ZipEntries& entries = file->entries();
  const ZipEntries::value_type* data = nullptr;
  for (const auto& entry : entries) {
    if (entry.first != "data.pkl" && !entry.first.ends_with("/data.pkl")) continue;
    if (data) throw unreadable(name, "its zip archive has two entries called data.pkl");
    data = &entry;
  }
  const std::string prefix = data ? data->first.substr(0, data->first.size() - 8) : "";
  const bool has_code =
      std::any_of(entries.begin(), entries.end(), [](const ZipEntries::value_type& entry) {
        return entry.first.find("/code/") != std::string::npos;
      });
  if (entries.contains(prefix + "constants.pkl") || has_code)
    throw unreadable(name,
                     "it is a TorchScript archive, a program; save only its weights, in Python: "
                     "torch.save(torch.jit.load(path).state_dict(), new_path)");
  if (!data)
    throw unreadable(name,
                     "it is a zip archive without data.pkl: not torch.save's; save "
                     "model.state_dict() with torch.save");
  if (const auto order = entries.find(prefix + "byteorder"); order != entries.end()) {
    const auto bytes = file->contents(order->first);
    if (bytes.size() < 6 || std::memcmp(bytes.data(), "little", 6) != 0)
      throw unreadable(name,
                       "its numbers are big-endian; save it again on a little-endian machine");
  }
  const Pickle pickle = read_pickle(file->contents(data->first), name);
  StateDict state{{}, {}, file, {}};
  PytorchObject(pickle, ZipStorages(*file, prefix + "data/"), name).read(state);
  return state;
}

/// The older form: several pickles, then each storage as its number of elements and its bytes.
inline StateDict read_pytorch_legacy(const std::shared_ptr<const MappedFile>& file) {
  const std::string& name = file->name();
  std::span<const std::byte> rest = file->bytes();
  const auto next = [&] {
    Pickle pickle = read_pickle(rest, name);
    rest = rest.subspan(pickle.length);
    return pickle;
  };
  const auto take = [&](std::uint64_t count) {
    if (count > rest.size()) throw unreadable(name, "it is cut short");
    const auto taken = rest.first(static_cast<std::size_t>(count));
    rest = rest.subspan(taken.size());
    return taken;
  };

  const Pickle magic = next();
  if (magic.top().kind != PickleValue::Kind::big_integer ||
      magic.top().text != "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")
    throw unreadable(name, "it is a pickle, but not one that torch.save wrote");
  const Pickle protocol = next();
  if (protocol.top().kind != PickleValue::Kind::integer || protocol.top().integer != 1001)
    throw unreadable(name, "its protocol is not 1001, the only one that PyTorch has used");
  const Pickle system = next();
  const std::span<const PickleValue::Index> facts = system.top().entries();
  for (std::size_t i = 1; i < facts.size(); i += 2)
    if (system[facts[i - 1]].text == "little_endian" && system[facts[i]].integer == 0)
      throw unreadable(name,
                       "its numbers are big-endian; save it again on a little-endian machine");
  const Pickle object = next();
  const Pickle keys = next();

  LegacyStorages storages;
  for (const PickleValue& value : object.values) {
    if (value.kind != PickleValue::Kind::persistent || names_class(object, value)) continue;
    const StorageReference reference = storage_reference(object, value, name);
    const StorageReference& known = storages.add(reference.key, {reference}).reference;
    if (known.type_name != reference.type_name || known.count != reference.count)
      throw unreadable(name, "it describes one storage in two ways");
  }
  if (keys.top().kind != PickleValue::Kind::list)
    throw unreadable(name, "the list of its storages is something else");
  for (const PickleValue::Index index : keys.top().items) {
    const std::string_view key = keys[index].text;
    LegacyStorages::Storage* const found = storages.of(key);
    if (!found) throw unreadable(name, "it has a storage that nothing uses");
    const StorageReference& reference = found->reference;
    std::int64_t count;
    std::memcpy(&count, take(sizeof count).data(), sizeof count);
    if (count != reference.count)
      throw unreadable(name, format_text("its storage '{}' has {} elements, not {}", printable(key),
                                         count, reference.count));
    if (reference.bytes_each == 0)
      throw unreadable(name, format_text("its storage '{}' has the unknown type '{}'",
                                         printable(key), printable(reference.type_name)));
    if (static_cast<std::uint64_t>(count) > rest.size() / reference.bytes_each)
      throw unreadable(name, "it is cut short");
    found->bytes = take(static_cast<std::uint64_t>(count) * reference.bytes_each);
  }
  StateDict state{{}, {}, file, {}};
  PytorchObject(object, storages, name).read(state);
  return state;
}

inline StateDict read_pytorch(const std::shared_ptr<const MappedFile>& file) {
  const std::span<const std::byte> bytes = file->bytes();
  if (bytes.size() >= 4 && std::memcmp(bytes.data(), "PK\3\4", 4) == 0)
    return read_pytorch_zip(file);
  if (bytes.front() == std::byte{0x80}) return read_pytorch_legacy(file);
  throw unreadable(file->name(), "it is not a file that torch.save wrote");
}

/// The tensors of a state_dict that torch.save wrote, or of the entry `state_dict`,
/// `model_state_dict` or `model` of a checkpoint. If a checkpoint has none of these and no weights
/// itself, all dictionaries of tensors in it are read, with their names before their keys:
/// {"net": state_dict} gives "net.conv1.weight". Other values of any Python type are skipped; those
/// in the state_dict are named in `others`. No code in the file is run. Checksums are verified only
/// for compressed entries.
/// Throws: Error for a missing, damaged or hostile file, for a whole pickled module, and for a
/// TorchScript archive.
/// Source: https://github.com/pytorch/pytorch/blob/main/torch/serialization.py
inline StateDict read_pytorch(const std::string& path) {
  return read_pytorch(std::make_shared<const MappedFile>(path));
}

}  // namespace frostline::detail
