// SPDX-License-Identifier: MIT
// Makes files of weights for tests: temporary files, zip archives and pickles, valid or hostile.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <frostline/core/error.hpp>
#include <frostline/io/weights/state_dict.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace files {

/// A folder that is removed at the end of the test.
struct TemporaryFolder {
  std::filesystem::path path;

  TemporaryFolder() {
    static int number = 0;
    path = std::filesystem::temp_directory_path() /
           ("frostline_io_" + std::to_string(::getpid()) + "_" + std::to_string(number++));
    std::filesystem::create_directories(path);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }

  std::filesystem::path write(const std::string& name, std::string_view content) const {
    const auto file = path / name;
    std::FILE* stream = std::fopen(file.c_str(), "wb");
    if (!content.empty()) std::fwrite(content.data(), 1, content.size(), stream);
    std::fclose(stream);
    return file;
  }
};

inline std::string content_of(const std::filesystem::path& path) {
  std::string content(std::filesystem::file_size(path), '\0');
  std::FILE* stream = std::fopen(path.c_str(), "rb");
  content.resize(std::fread(content.data(), 1, content.size(), stream));
  std::fclose(stream);
  return content;
}

inline std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(__FILE__).parent_path() / "../../golden/weights" / name;
}

/// The text of the Error that `action` throws; empty if it throws none.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const frostline::Error& error) {
    return error.what();
  }
  return "";
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

inline std::vector<float> floats_of(const frostline::StateDict& state, std::string_view key) {
  const auto& tensor = state.tensors.find(key)->second;
  std::vector<float> floats(tensor.size());
  tensor.copy_to(floats);
  return floats;
}

inline std::vector<std::int64_t> integers_of(const frostline::StateDict& state,
                                             std::string_view key) {
  const auto& tensor = state.tensors.find(key)->second;
  std::vector<std::int64_t> integers(tensor.size());
  tensor.copy_to(integers);
  return integers;
}

/// first, first + step, first + 2 step, ...
inline std::vector<float> arange(std::size_t count, float first = 0, float step = 1) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = first + step * static_cast<float>(i);
  return values;
}

template <class Number>
std::string little_endian(Number number) {
  std::string bytes(sizeof number, '\0');
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

inline std::string bytes_of(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

struct ZipEntry {
  std::string name, content;
  std::uint16_t method = 0, flags = 0;
};

/// An archive with checksums of 0, as torch.save can write. Local headers have padding that the
/// directory has not.
inline std::string zip(const std::vector<ZipEntry>& entries, bool zip64 = false) {
  const auto u16 = [](std::size_t n) { return little_endian(static_cast<std::uint16_t>(n)); };
  const auto u32 = [](std::size_t n) { return little_endian(static_cast<std::uint32_t>(n)); };
  const auto u64 = [](std::size_t n) { return little_endian(static_cast<std::uint64_t>(n)); };
  constexpr std::size_t ones = 0xffffffff;
  std::string archive, directory;
  for (const auto& [name, content, method, flags] : entries) {
    const std::size_t offset = archive.size(), size = content.size();
    const std::string sizes = zip64 ? u32(ones) + u32(ones) : u32(size) + u32(size);
    const std::string wide = u16(1) + u16(16) + u64(size) + u64(size);
    const std::string padding = u16(0x4246) + u16(5) + "ZZZZZ";
    const std::string local_extra = (zip64 ? wide : "") + padding;
    const std::string extra = zip64 ? u16(1) + u16(24) + u64(size) + u64(size) + u64(offset) : "";
    const std::string common = u16(45) + u16(flags) + u16(method) + u32(0) + u32(0) + sizes;
    archive += "PK\3\4" + common + u16(name.size()) + u16(local_extra.size()) + name + local_extra;
    archive += content;
    directory += "PK\1\2" + u16(45) + common + u16(name.size()) + u16(extra.size()) + u16(0) +
                 u16(0) + u16(0) + u32(0) + u32(zip64 ? ones : offset) + name + extra;
  }
  const std::size_t begin = archive.size(), count = entries.size();
  archive += directory;
  const std::size_t end = archive.size();
  if (zip64)
    archive += "PK\6\6" + u64(44) + u16(45) + u16(45) + u32(0) + u32(0) + u64(count) + u64(count) +
               u64(directory.size()) + u64(begin) + "PK\6\7" + u32(0) + u64(end) + u32(1);
  const std::string counts = zip64 ? u16(0xffff) + u16(0xffff) : u16(count) + u16(count);
  return archive + "PK\5\6" + u16(0) + u16(0) + counts + u32(zip64 ? ones : directory.size()) +
         u32(zip64 ? ones : begin) + u16(0);
}

namespace pickle {

inline const std::string proto = "\x80\x02";

inline std::string text(std::string_view value) {
  return "X" + little_endian(static_cast<std::uint32_t>(value.size())) + std::string(value);
}

inline std::string integer(std::int64_t value) { return "\x8a\x08" + little_endian(value); }

inline std::string tuple(const std::vector<std::string>& items) {
  std::string result = "(";
  for (const std::string& item : items) result += item;
  return result + "t";
}

inline std::string integers(const std::vector<std::int64_t>& values) {
  std::string result = "(";
  for (const std::int64_t value : values) result += integer(value);
  return result + "t";
}

inline std::string dictionary(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string result = "}(";
  for (const auto& [key, value] : items) result += text(key) + value;
  return result + "u";
}

struct Tensor {
  std::string storage = "0";
  std::int64_t count = 6, offset = 0;
  std::vector<std::int64_t> extents = {2, 3}, strides = {3, 1};
  std::string type = "FloatStorage";
  std::string view = "";  // a legacy file's view_metadata

  operator std::string() const {
    std::vector<std::string> id = {text("storage"), "ctorch\n" + type + "\n", text(storage),
                                   text("cpu"), integer(count)};
    if (!view.empty()) id.push_back(view);
    return "ctorch._utils\n_rebuild_tensor_v2\n" +
           tuple({tuple(id) + "Q", integer(offset), integers(extents), integers(strides), "\x89",
                  "N"}) +
           "R";
  }
};

}  // namespace pickle

/// A zip of one data.pkl and the storages "0", "1", ...
inline std::string pytorch_zip(const std::string& object, const std::vector<std::string>& storages,
                               const std::string& prefix = "archive/", bool zip64 = false) {
  std::vector<ZipEntry> entries = {{prefix + "data.pkl", pickle::proto + object + "."},
                                   {prefix + "version", "3\n"}};
  for (std::size_t i = 0; i < storages.size(); ++i)
    entries.push_back({prefix + "data/" + std::to_string(i), storages[i]});
  return zip(entries, zip64);
}

/// The form before PyTorch 1.6, with one storage "0" of floats.
inline std::string pytorch_legacy(const std::string& object, const std::vector<float>& storage,
                                  bool little = true) {
  using namespace pickle;
  return proto + "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + proto + integer(1001) + "." +
         proto + dictionary({{"little_endian", little ? "\x88" : "\x89"}}) + "." + proto + object +
         "." + proto + "](" + text("0") + "e." +
         little_endian(static_cast<std::int64_t>(storage.size())) + bytes_of(storage);
}

}  // namespace files
