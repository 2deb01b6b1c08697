// SPDX-License-Identifier: MIT
// FeatureStore: rows of numbers in memory or in a mapped file, as floats of 32 or 16 bits.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>

#include "frostline/core/element_type.hpp"
#include "frostline/core/memory_room.hpp"
#include "frostline/core/shape.hpp"
#include "frostline/io/files/scratch_file.hpp"
#include "frostline/io/weights/half.hpp"

namespace frostline {

/// Where and in which type features are stored.
struct CacheOptions {
  ElementType type = ElementType::f32;               // or f16: half the bytes, rounded to 11 bits
  std::size_t memory_budget = std::size_t(2) << 30;  // bytes; larger caches use a file
  std::filesystem::path file{};  // always use this file; empty: a temporary one if one is needed
  bool keep = false;             // keep the full file: safetensors with the tensor "features"
};

}  // namespace frostline

namespace frostline::detail {

/// The samples of a data set as rows of one size, which are appended once and read in any order.
class FeatureStore {
 public:
  /// Throws: Error if the capacity is 0, the type is neither f32 nor f16, `keep` is set without
  /// `file`, or there is too little memory; and as ScratchFile.
  FeatureStore(Shape shape, std::size_t capacity, const CacheOptions& options)
      : shape_(shape), capacity_(capacity), type_(options.type), keep_(options.keep) {
    if (type_ != ElementType::f32 && type_ != ElementType::f16)
      throw Error(
          format_text("frostline: FeatureCache requires F32 or F16, got {}", name_of(type_)));
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
    file_.emplace(options.file.empty() ? temporary() : options.file, start.size() + bytes(), keep_);
    std::copy_n(reinterpret_cast<const std::byte*>(start.data()), start.size(),
                file_->bytes().data());
    rows_ = file_->bytes().data() + start.size();
  }

  Shape shape() const { return shape_; }
  std::size_t capacity() const { return capacity_; }
  std::size_t size() const { return size_; }  // samples so far
  /// Drops the samples from number `size` on.
  void shrink(std::size_t size) { size_ = std::min(size, size_); }
  ElementType type() const { return type_; }
  std::size_t bytes() const { return capacity_ * row_bytes(); }
  bool in_file() const { return file_.has_value(); }

  /// Adds samples. Shapes: (samples, shape). Throws: Error, with nothing added, if there are too
  /// many, or a number is not finite or does not fit F16.
  void append(std::span<const float> features) {
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
  /// If `keep` is set, gives the file its name. Throws: Error if that fails; the samples stay.
  void keep() {
    if (keep_) file_->keep();
  }

  /// Copies samples out. Shapes: out (indices, shape). Throws: Error if there is no such sample.
  void gather(std::span<const std::size_t> indices, float* out) const {
    for (const std::size_t index : indices)
      if (index >= size_)
        throw Error(format_text("frostline: the feature cache holds {} samples, but no sample {}",
                                size_, index));
    for (const std::size_t index : indices) {
      const std::byte* const row = rows_ + index * row_bytes();
      if (type_ == ElementType::f32)
        std::memcpy(out, row, row_bytes());
      else
        widen(reinterpret_cast<const std::uint16_t*>(row), out);
      out += shape_.size();
    }
  }

 private:
  static std::filesystem::path temporary() {
    std::error_code error;
    const auto folder = std::filesystem::temp_directory_path(error);
    if (error)
      throw Error(
          format_text("frostline: FeatureCache has no temporary folder: {}", error.message()));
    return folder / "frostline-features";
  }
  std::size_t row_bytes() const { return shape_.size() * size_of(type_); }
  // Exact for all numbers that append accepts, also subnormal ones; the loop has no branch.
  void widen(const std::uint16_t* halves, float* out) const {
    for (std::size_t i = 0, count = shape_.size(); i < count; ++i) {
      const std::uint32_t half = halves[i];
      out[i] = std::bit_cast<float>((half & 0x8000u) << 16 | (half & 0x7fffu) << 13) * 0x1p112f;
    }
  }
  // The header of a safetensors file with one tensor; it ends at a multiple of 64 bytes.
  std::string header() const {
    std::string json = format_text(
        R"({{"features":{{"dtype":"{}","shape":[{},{},{},{}],"data_offsets":[0,{}]}}}})",
        name_of(type_), capacity_, shape_.channels, shape_.height, shape_.width, bytes());
    json.append((64 - (8 + json.size()) % 64) % 64, ' ');
    const std::uint64_t size = json.size();
    return std::string(reinterpret_cast<const char*>(&size), sizeof size) + json;
  }

  Shape shape_;
  std::size_t capacity_, size_ = 0;
  ElementType type_;
  bool keep_;
  std::byte* rows_ = nullptr;
  std::unique_ptr<std::byte[]> memory_;
  std::optional<ScratchFile> file_;
};

}  // namespace frostline::detail
