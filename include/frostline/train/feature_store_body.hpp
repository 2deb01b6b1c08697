// SPDX-License-Identifier: MIT
// The bodies of train/feature_store.hpp: its memory or file, and new rows.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "frostline/core/body.hpp"
#include "frostline/core/memory_room.hpp"
#include "frostline/io/files/scratch_file.hpp"
#include "frostline/io/weights/half.hpp"
#include "frostline/train/feature_store.hpp"

namespace frostline::detail {

inline std::string temporary_features() {
  std::error_code error;
  const auto folder = std::filesystem::temp_directory_path(error);
  if (error)
    throw Error(
        format_text("frostline: FeatureCache has no temporary folder: {}", error.message()));
  return (folder / "frostline-features").string();
}

FROSTLINE_BODY FeatureStore::FeatureStore(Shape shape, std::size_t capacity,
                                          const CacheOptions& options)
    : shape_(shape), capacity_(capacity), type_(options.type), keep_(options.keep) {
  if (type_ != ElementType::f32 && type_ != ElementType::f16)
    throw Error(format_text("frostline: FeatureCache requires F32 or F16, got {}", name_of(type_)));
  if (capacity == 0) throw Error("frostline: FeatureCache requires at least one sample");
  if (capacity > std::numeric_limits<std::size_t>::max() / 4 / row_bytes())
    throw Error(format_text("frostline: FeatureCache cannot hold {} samples", capacity));
  if (keep_ && options.file.empty())
    throw Error("frostline: FeatureCache requires the name of the file that it keeps");
  if (options.file.empty() && bytes() <= options.memory_budget) {
    constexpr std::string_view advice = "with a smaller memory_budget they are stored in a file";
    require_memory("a feature cache", bytes(), advice);
    try {
      memory_ = std::make_unique_for_overwrite<std::byte[]>(bytes());
    } catch (const std::bad_alloc&) {
      throw not_enough_memory("a feature cache", bytes(), advice);
    }
    rows_ = memory_.get();
    return;
  }
  const std::string start = header();
  file_ = std::make_unique<ScratchFile>(options.file.empty() ? temporary_features() : options.file,
                                        start.size() + bytes(), keep_);
  std::copy_n(reinterpret_cast<const std::byte*>(start.data()), start.size(),
              file_->bytes().data());
  rows_ = file_->bytes().data() + start.size();
}

FROSTLINE_BODY FeatureStore::~FeatureStore() = default;

FROSTLINE_BODY void FeatureStore::append(std::span<const float> features) {
  const std::size_t samples = features.size() / shape_.size();
  if (samples > capacity_ - size_)
    throw Error(format_text("frostline: the feature cache was made for {} samples, got {}",
                            capacity_, size_ + samples));
  for (std::size_t i = 0; i < features.size(); ++i)
    if (!std::isfinite(features[i]))
      throw Error(format_text(
          "frostline: a feature of sample {} is {}: its image or the network's "
          "weights are not finite",
          size_ + i / shape_.size(), std::isnan(features[i]) ? "not a number" : "infinite"));
  std::byte* const row = rows_ + size_ * row_bytes();
  if (type_ == ElementType::f32) {
    std::memcpy(row, features.data(), features.size_bytes());
  } else {
    auto* const halves = reinterpret_cast<std::uint16_t*>(row);
    for (std::size_t i = 0; i < features.size(); ++i) {
      if (!(std::abs(features[i]) < 65520))
        throw Error(format_text("frostline: the feature {} does not fit F16; cache F32 instead",
                                features[i]));
      halves[i] = f16_from_float(features[i]);
    }
  }
  size_ += samples;
}

FROSTLINE_BODY void FeatureStore::keep() {
  if (keep_) file_->keep();
}

FROSTLINE_BODY std::string FeatureStore::header() const {
  std::string json =
      format_text(R"({{"features":{{"dtype":"{}","shape":[{},{},{},{}],"data_offsets":[0,{}]}}}})",
                  name_of(type_), capacity_, shape_.channels, shape_.height, shape_.width, bytes());
  json.append((64 - (8 + json.size()) % 64) % 64, ' ');
  const std::uint64_t size = json.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + json;
}

}  // namespace frostline::detail
